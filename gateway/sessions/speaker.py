"""Speaks on a leg: carries out what the playout ledger decides and passes on what it finds."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import assert_never

from gateway.model.endpoint import Leg
from gateway.model.events import Cleared, Marked
from gateway.model.speech import Speech
from gateway.sessions.ledger import (
    ClearPlayout,
    Finished,
    PlayAudio,
    PlayoutLedger,
    PutMark,
    Started,
    Step,
)

LAST_MARK = "closing.end"
"""Put behind everything when a call is closed; when it is back, all has been heard."""


class Speaker:
    """The one writer of a leg's playout. On the event loop; used by the session and its line."""

    def __init__(
        self,
        leg: Leg,
        clock: Callable[[], float],
        on_started: Callable[[Started], None],
        on_finished: Callable[[Finished], None],
    ) -> None:
        self._leg = leg
        self._clock = clock
        self._on_started = on_started
        self._on_finished = on_finished
        self._ledger = PlayoutLedger()
        self._is_over = False
        self._steps: deque[Step] = deque()
        self._is_carrying_out = False

    @property
    def is_playing(self) -> bool:
        return self._ledger.is_playing

    @property
    def is_paused(self) -> bool:
        return self._ledger.is_paused

    @property
    def unplayed_s(self) -> float:
        return self._ledger.unplayed_ms / 1000

    @property
    def last_id(self) -> int:
        """Id of the playback that was queued last; 0 if none was."""
        return self._ledger.last_id

    def say(self, speech: Speech, *, label: str = "") -> int:
        """Queue speech; returns its playback id. Once over: an id that never plays."""
        if self._is_over:
            return 0
        number, steps = self._ledger.say(speech, self._clock(), label=label)
        self._carry_out(steps)
        return number

    def play_raw(self, pcm: bytes) -> None:
        if not self._is_over:
            self._carry_out(self._ledger.play_raw(pcm))

    def pause(self) -> None:
        if not self._is_over:
            self._carry_out(self._ledger.pause())

    def resume(self) -> None:
        if not self._is_over:
            self._carry_out(self._ledger.resume())

    def interrupt(self) -> None:
        """Drop everything that was said so far."""
        if not self._is_over:
            self._carry_out(self._ledger.interrupt(self._clock()))

    def put_last_mark(self) -> None:
        """Ask for `LAST_MARK`; only when nothing is playing by the ledger (raw audio may be)."""
        if not self._is_over:
            self._leg.mark(LAST_MARK)

    def on_marked(self, event: Marked) -> None:
        self._carry_out(
            self._ledger.marked(event.name, event.played_ms, event.at_s, cleared=event.cleared)
        )

    def on_cleared(self, event: Cleared) -> None:
        self._carry_out(self._ledger.cleared(event.played_ms, event.at_s))

    def finish(self, at_s: float) -> None:
        """The leg is over: end every playback, touch the leg no more."""
        self._is_over = True
        self._carry_out(self._ledger.finish(at_s))

    def _carry_out(self, steps: Sequence[Step]) -> None:
        """Do the steps in order, even when one of the callbacks makes the ledger decide more."""
        self._steps.extend(steps)
        if self._is_carrying_out:
            return
        self._is_carrying_out = True
        try:
            while self._steps:
                self._do(self._steps.popleft())
        finally:
            self._is_carrying_out = False

    def _do(self, step: Step) -> None:
        match step:
            case PlayAudio():
                self._leg.play(step.pcm)
            case PutMark():
                self._leg.mark(step.name)
            case ClearPlayout():
                self._leg.clear()
            case Started():
                self._on_started(step)
            case Finished():
                self._on_finished(step)
            case _:
                assert_never(step)
