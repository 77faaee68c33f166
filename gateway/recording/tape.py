"""Recording of one call as its session sees it; a call that is not recorded has a `NoTape`."""

from collections.abc import Callable, Mapping
from typing import Protocol

from gateway.config import AgentBase
from gateway.errors import RecordingNotRunning
from gateway.media.hearing import Ear
from gateway.model.endpoint import Leg
from gateway.model.events import Offered
from gateway.model.line import Said
from gateway.recording.tape_state import TapeState
from gateway.rooms.timeline import Fact

Note = Callable[[float, Mapping[str, Fact]], None]
"""`note(at_s, facts)` writes an entry of the kind `recording` into the call's timeline."""


class Tape(Protocol):
    """All methods are for the event loop; none blocks or raises but `pause` and `resume`."""

    @property
    def state(self) -> TapeState: ...

    def dress(self, settings: AgentBase) -> AgentBase:
        """Return the agent's settings with what the caller must be told in the greeting."""

    def tap(self, leg: Leg) -> Leg:
        """Return the leg to speak on, so that what is queued is known here."""

    def see(self, event: object) -> None:
        """Take what a session's inbox carries; only what the leg says about playout matters."""

    def greeting_over(self, said: Said | None) -> None:
        """The greeting was played, or cut, or there was none."""

    def take_key(self, digit: str) -> bool:
        """Take a key; returns whether it was meant for the recording, and not for the agent."""

    def understood(self, text: str) -> None:
        """Take what the caller was understood to say."""

    def pause(self) -> None:
        """Write silence until `resume`. Raises `RecordingNotRunning`."""

    def resume(self) -> None:
        """Raises `RecordingNotRunning`."""

    def was_paused_since(self, at_s: float) -> bool:
        """Whether it pauses, or did at some moment after this one: what was said then is private."""

    def close(self, at_s: float) -> None:
        """The call is over; may be called twice."""


class Tapes(Protocol):
    """Opens tapes."""

    def open(self, offered: Offered, ear: Ear, note: Note) -> Tape:
        """Return the tape for a call."""


class NoTape:
    """Implements `Tape` for a call that is not recorded."""

    state = TapeState.OVER

    def dress(self, settings: AgentBase) -> AgentBase:
        return settings

    def tap(self, leg: Leg) -> Leg:
        return leg

    def see(self, _event: object) -> None:
        """Nothing is written."""

    def greeting_over(self, _said: Said | None) -> None:
        """Nothing begins."""

    def take_key(self, _digit: str) -> bool:
        return False

    def understood(self, _text: str) -> None:
        """Nobody can ask for it."""

    def pause(self) -> None:
        raise RecordingNotRunning("calls to this number are not recorded")

    def resume(self) -> None:
        raise RecordingNotRunning("calls to this number are not recorded")

    def was_paused_since(self, _at_s: float) -> bool:
        return False

    def close(self, _at_s: float) -> None:
        """Nothing is open."""


class NoTapes:
    """Implements `Tapes` where nothing is recorded."""

    def open(self, _offered: Offered, _ear: Ear, _note: Note) -> Tape:
        return NoTape()
