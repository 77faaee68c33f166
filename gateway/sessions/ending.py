"""Decides how a call is brought to its end: refused, closed with last words, or hung up at once."""

from collections.abc import Callable

from gateway.clips import Clip
from gateway.config import AgentBase
from gateway.model.endpoint import Leg
from gateway.model.hangup import HangupCause
from gateway.model.speech import Speech
from gateway.sessions.closing import Closing
from gateway.sessions.gate import OpenReason
from gateway.sessions.life import Life
from gateway.sessions.messages import LastWords, Message
from gateway.sessions.screen import Screen
from gateway.sessions.seat import AgentSeat
from gateway.sessions.speaker import Speaker
from gateway.sessions.state import BEFORE_ANSWER, SessionState, Trigger
from gateway.sessions.surroundings import HANGING_UP_BOUND_S, LAST_WORDS_BOUND_S, Surroundings
from gateway.sessions.tasks import CallTasks
from gateway.sessions.timers import Timer, Timers


class Ending:
    """Owned by one session; every way to end that we decide goes through it.

    The first cause that is decided is the one that is recorded.
    """

    def __init__(
        self,
        *,
        life: Life,
        leg: Leg,
        speaker: Speaker,
        seat: AgentSeat,
        timers: Timers,
        tasks: CallTasks,
        settings: AgentBase,
        around: Surroundings,
        screen: Screen,
        open_gate: Callable[[OpenReason], None],
        post: Callable[[Message], None],
    ) -> None:
        self._life = life
        self._leg = leg
        self._speaker = speaker
        self._seat = seat
        self._timers = timers
        self._tasks = tasks
        self._settings = settings
        self._around = around
        self._screen = screen
        self._open_gate = open_gate
        self._post = post
        self._closing: Closing | None = None
        self.cause: HangupCause | None = None
        """Why we end the call; None while we do not."""

    def say_goodbye(self, cause: HangupCause) -> None:
        """Cut the agent short, say its goodbye, hang up."""
        if self._begin_closing(cause, is_cut=True):
            self._close_with(self._settings.goodbye, Clip.GOODBYE)

    def apologise(self, cause: HangupCause) -> None:
        """Let what was said be heard, say that something went wrong, hang up."""
        if self._begin_closing(cause):
            self._close_with(self._settings.apology, Clip.APOLOGY)

    def when_heard(self, cause: HangupCause) -> None:
        """Hang up once everything the agent has said was heard."""
        if self._begin_closing(cause):
            self._closing = Closing(self._speaker, self._timers, awaits_words=False)

    def _begin_closing(self, cause: HangupCause, *, is_cut: bool = False) -> bool:
        """Returns whether last words are in order: not before the answer, not twice, not after all."""
        if self._life.state in BEFORE_ANSWER:
            self._refuse(cause)
            return False
        is_first = not self._life.is_over and self._life.state is not SessionState.CLOSING
        self._life.apply(Trigger.CLOSE)
        if not is_first:
            return False
        self.cause = cause
        self._open_gate(OpenReason.CLOSING)
        self._seat.silence()
        if is_cut and self._seat.is_taken:  # never the greeting
            self._speaker.interrupt()
        return True

    def _close_with(self, words: str, clip: Clip) -> None:
        self._seat.dismiss()
        self._closing = Closing(self._speaker, self._timers, awaits_words=True)
        self._tasks.start("last words", self._render(words, clip))

    async def _render(self, words: str, clip: Clip) -> None:
        audio = await self._around.phrases.phrase(words, clip, bound_s=LAST_WORDS_BOUND_S)
        self._post(LastWords(audio.speech))

    def on_last_words(self, speech: Speech | None) -> None:
        if self._closing is not None and self._life.state is SessionState.CLOSING:
            self._closing.words(speech)

    def on_playback_finished(self) -> None:
        if self._closing is not None and self._life.state is SessionState.CLOSING:
            self._closing.playback_finished()

    def on_marked(self, name: str) -> None:
        if self._closing is not None and self._closing.is_heard(name):
            self.hang_up(self.cause or HangupCause.INTERNAL_ERROR)

    def hang_up(self, cause: HangupCause) -> None:
        """End the call now; refuse it if it was not answered."""
        if self._life.state in BEFORE_ANSWER:
            self._refuse(cause)
            return
        if self._life.is_over:
            return
        self._life.apply(Trigger.HANG_UP)
        self.cause = self.cause or cause
        self._timers.cancel_all()
        self._open_gate(OpenReason.HUNG_UP)
        self._seat.dismiss()
        self._screen.ended(self.cause)
        self._leg.hang_up(self.cause)
        self._timers.set(Timer.HANGING_UP, HANGING_UP_BOUND_S)

    def _refuse(self, cause: HangupCause) -> None:
        self._life.apply(Trigger.REFUSE)
        self.cause = cause
        self._leg.reject(cause, retry_after_s=self._around.retry_after_s)
        self._timers.set(Timer.HANGING_UP, HANGING_UP_BOUND_S)

    def abandon(self, cause: HangupCause) -> None:
        """Be ended without the endpoint's word for it; the leg gets its last command if it had none."""
        if self._life.state in BEFORE_ANSWER:
            self._leg.reject(cause)
        elif not self._life.is_over:
            self._screen.ended(cause)
            self._leg.hang_up(cause)
        self.cause = self.cause or cause
        self._life.abandon()
