"""What an agent is given of a call, and what it is told while it converses.

An agent is one object per `[agents.NAME]` section, shared by all its calls. For each call the session
starts `converse(line)` as a task when the greeting gate opens, and cancels it when the call ends. The
agent hears nothing of the call before that: the gate, the greeting and the early-speech policy belong
to the session.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from gateway.model.hangup import HangupCause
from gateway.model.speech import Speech


class Role(StrEnum):
    """Who said a line of the history."""

    USER = "user"
    AGENT = "agent"


CALL_LINK = "[call link]"
"""Stands in an agent's words for a link that it need not know."""


@dataclass(frozen=True, slots=True)
class Said:
    """One line of the room's conversation, as it was really said or heard."""

    role: Role
    text: str
    interrupted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """What is known of a call when its agent starts."""

    call_id: str
    room_id: str
    caller: str
    """The person at the other end, whoever called."""
    callee: str
    """Our number."""
    caller_name: str = ""
    history: tuple[Said, ...] = ()
    """Earlier lines of the room, oldest first, bounded; ends with this call's greeting."""
    purpose: str = ""
    """Why we called, if we did: for the agent, not to be read out."""
    may_offer_call: bool = False
    """In writing: what stands for `CALL_LINK` becomes a link by which the person can go on by voice."""


# What happens on the line -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallerStarted:
    """The caller began to speak."""

    at_s: float
    start: int
    """Position (samples at 16 kHz) of the first voiced sample; see `Line.read`."""


@dataclass(frozen=True, slots=True)
class CallerStopped:
    """The caller fell silent."""

    at_s: float
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class HeldSpeech:
    """What the caller said while the gate was closed; always the first event, and one turn."""

    at_s: float
    segments: tuple[tuple[int, int], ...]
    """Positions `[start, stop)` of each stretch of speech, in order, at least one."""
    is_speaking: bool
    """True when the last stretch goes on: a `CallerStopped` will follow."""


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """The caller pressed a key; `digit` is one of `0123456789*#ABCD`."""

    at_s: float
    digit: str


@dataclass(frozen=True, slots=True)
class TextTyped:
    """The caller wrote something instead of saying it; it is in the timeline already."""

    at_s: float
    text: str


@dataclass(frozen=True, slots=True)
class PlaybackEnded:
    """Something said was played to its end, or was cut."""

    at_s: float
    playback_id: int
    heard: str
    """The words that were really played."""
    interrupted: bool


@dataclass(frozen=True, slots=True)
class PlaybackStarted:
    """The first sample of something said left for the caller."""

    at_s: float
    playback_id: int


@dataclass(frozen=True, slots=True)
class SaidByOther:
    """Somebody else, such as an operator, had this said in the agent's name; it is queued, as by `Line.say`."""

    at_s: float
    playback_id: int
    speech: Speech


LineEvent = (
    CallerStarted
    | CallerStopped
    | HeldSpeech
    | KeyPressed
    | TextTyped
    | PlaybackStarted
    | PlaybackEnded
    | SaidByOther
)


class Line(Protocol):
    """One call, as its agent sees it. All methods are for the event loop; none blocks.

    After the call has ended every method does nothing (and `events` ends).
    """

    @property
    def facts(self) -> CallFacts: ...

    @property
    def is_playing(self) -> bool:
        """Whether queued speech has not been fully played yet (a paused playout counts)."""

    @property
    def is_paused(self) -> bool: ...

    def events(self) -> AsyncIterator[LineEvent]:
        """Yield what happens on the line until the call ends."""

    def read(self, start: int, stop: int) -> bytes:
        """Return the caller's audio (PCM16 mono 16 kHz) at `[start, stop)`; raises `AudioGone`."""

    @property
    def position(self) -> int:
        """Samples heard from the caller so far."""

    def say(self, speech: Speech) -> int:
        """Queue speech after what is queued; returns its playback id.

        One `PlaybackStarted` (unless cut before) and one `PlaybackEnded` follow. The words are put in
        the room's timeline when they have been played, cut to what was heard if interrupted.
        """

    def pause(self) -> None:
        """Stop playing but keep what is left, for speech that may prove a false alarm."""

    def resume(self) -> None:
        """Go on where `pause` stopped."""

    def interrupt(self, reason: str) -> None:
        """Drop everything queued (barge-in); each playback not finished ends interrupted."""

    def hearing(self, text: str) -> None:
        """Show the caller, if there is a screen, what was understood so far of a turn that goes on.

        Empty: the turn came to nothing. `heard_user` follows for one that counts.
        """

    def heard_user(self, text: str, facts: Mapping[str, float | str | int]) -> None:
        """Put what the caller said into the room's timeline, with facts such as latencies (ms)."""

    def record(self, kind: str, facts: Mapping[str, float | str | int]) -> None:
        """Put an event that is not a spoken line (a tool call, a barge-in) into the timeline."""

    def send_dtmf(self, digits: str) -> None: ...

    def listen_frames(self, enabled: bool) -> None:
        """Have every inbound frame (640 bytes, 20 ms) delivered through `frames`."""

    def frames(self) -> AsyncIterator[bytes]:
        """Yield inbound frames while `listen_frames(True)`; bounded, the oldest are dropped."""

    def play_frame(self, pcm: bytes) -> None:
        """Queue raw audio without words or marks (line tests, tones, realtime models)."""

    def hang_up(self, cause: HangupCause, *, after_playout: bool = True) -> None:
        """End the call, by default once everything queued has been heard (bounded)."""


class Agent(Protocol):
    """One configured agent."""

    @property
    def name(self) -> str: ...

    async def start(self) -> None:
        """Load and render ahead what the agent will need; called once, before calls arrive."""

    async def converse(self, line: Line) -> None:
        """Hold the conversation; returns when the agent has nothing more to do on the line.

        Returning ends the call when the last words were heard. Raising ends it with `AGENT_FAILED` after
        a spoken apology. Cancelled when the call ends.
        """

    def phrases(self) -> Sequence[str]:
        """Texts that are worth rendering ahead (reprompts, goodbye, fillers, fixed answers)."""
