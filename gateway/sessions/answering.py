"""How a call comes to be answered: by us, or by the person whom we called."""

from gateway.media.hearing import Ear
from gateway.model import events
from gateway.model.endpoint import Leg
from gateway.model.hangup import HangupCause
from gateway.sessions.placed import PlacedCall
from gateway.sessions.surroundings import ANSWER_BOUND_S
from gateway.sessions.timers import Timer, Timers


class Answering:
    """Owned by one session. `placed` is set for a call of ours."""

    def __init__(self, leg: Leg, ear: Ear, timers: Timers, placed: PlacedCall | None) -> None:
        self._leg = leg
        self._ear = ear
        self._timers = timers
        self._placed = placed
        self._is_ready = False
        self._early: events.Answered | None = None

    @property
    def is_ours(self) -> bool:
        """Whether we placed the call."""
        return self._placed is not None

    @property
    def purpose(self) -> str:
        return self._placed.purpose if self._placed is not None else ""

    @property
    def late_cause(self) -> HangupCause:
        """Why a call ends whose answer does not come in time."""
        return HangupCause.NO_ANSWER if self.is_ours else HangupCause.NO_ACK

    def begin(self) -> None:
        """The call is offered, or rings at the other end."""
        if not self.is_ours:
            self._leg.bind_ear(self._ear.number)

    def ready(self) -> events.Answered | None:
        """The greeting is queued: answer, or wait for the answer; returns one that has come already."""
        self._is_ready = True
        if self._placed is None:
            self._timers.set(Timer.ANSWER, ANSWER_BOUND_S)
            self._leg.answer()
        elif self._early is None:
            self._timers.set(Timer.ANSWER, self._placed.ring_s)
        return self._early

    def answered(self, event: events.Answered) -> bool:
        """The answer came; returns whether the call may go on with it now, not only once it is ready."""
        if not self.is_ours:
            self._timers.cancel(Timer.ANSWER)
            return True
        if not self._is_ready:
            self._early = event
            return False
        self._timers.cancel(Timer.ANSWER)
        # Not before: what is played to callers, such as a ringing tone, is nobody's speech.
        self._leg.bind_ear(self._ear.number)
        return True
