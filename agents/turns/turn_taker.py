"""Decides when a caller's turn is over and when the caller interrupts the agent; sans I/O.

    IDLE ──speech──► SPEAKING ──silence──► TRAILING ──model, silence──► DECIDED ──words──► IDLE
                        ▲  ◄──────speech─────┘  ◄─────────speech──────────┘

At the first length of silence words and end-of-turn model are asked for together; the model again at the
further ones, with falling thresholds. What is spoken before the turn has been handed over joins it. Overlap
with the agent's speech is a second machine (`Overlap`). Times are monotonic seconds, positions samples at
16 kHz; the driver passes both and carries out the returned actions in order.
"""

from agents.turns.actions import (
    DropReason,
    EndReason,
    InterruptPlayout,
    PausePlayout,
    ResumePlayout,
    TurnAction,
    TurnDropped,
    TurnEnded,
)
from agents.turns.audio import HANG_OVER_MS, TurnAudio
from agents.turns.backchannels import Verdict, judge
from agents.turns.states import MOVES, Overlap, TurnState
from gateway.config import TurnsSection
from gateway.errors import InvalidTransition

DIGITS_SILENCE_MS = 1_500
"""Pauses between groups of spoken digits are shorter than this."""

FALLBACK_SILENCE_MS = 700
"""Ends a turn when the end-of-turn model is out of order; longer gaps are heard as trouble."""

QUESTION_END_MS = 700
"""An answer that begins so short before the end of a question is an answer, not an interruption."""

SHORT_INTERRUPTION_MS = 700
"""Who breaks in with so little ("No," "Excuse me,") mostly goes on: the model is asked a step later."""

FALSE_INTERRUPTIONS = 2
"""After so many interruptions without words, the length of sound alone no longer interrupts."""


class TurnTaker:
    """One caller's turns. Owned by one conversation; every method returns the actions to carry out."""

    def __init__(self, settings: TurnsSection, *, barge_in: bool = True) -> None:
        self._settings = settings
        self._barge_in = barge_in
        self._state = TurnState.IDLE
        self._overlap = Overlap.CLEAR
        self._overlap_from_s = 0.0
        self._audio = TurnAudio()
        self._scores: dict[int, float] = {}
        self._next_silence = 0
        self._is_model_broken = False
        self._end: tuple[EndReason, float, float | None] | None = None
        self._verdict: Verdict | None = None
        self._has_given_way = False
        self._false_interruptions = 0
        self._expects_digits = False
        self._is_agent_playing = False
        self._agent_ends_s = 0.0
        self._has_agent_asked = False

    @property
    def state(self) -> TurnState:
        return self._state

    @property
    def is_floor_free(self) -> bool:
        """Whether the agent may begin to speak: no speech is waiting to be judged."""
        return self._state is TurnState.IDLE

    @property
    def words_so_far(self) -> str:
        """What was understood of a turn that is not over; may still change."""
        return "" if self._state is TurnState.IDLE else self._audio.text

    def expect_digits(self, expected: bool) -> None:
        """From now on wait longer for more (True), as people pause between groups of digits."""
        self._expects_digits = expected

    # What happens -------------------------------------------------------------------------------

    def caller_started(self, now_s: float, position: int, start: int) -> list[TurnAction]:
        """Voice activity began at `start`; `position` is the newest sample, heard at `now_s`."""
        self._audio.synchronise(now_s, position)
        actions: list[TurnAction] = [*self._audio.open(now_s, start)]
        if self._state is not TurnState.SPEAKING:
            self._move(TurnState.SPEAKING)
        self._scores.clear()
        self._end = None
        self._verdict = None
        if self._overlap is Overlap.CLEAR and self._is_agent_playing:
            self._suspect(self._audio.onset_s)
        return actions + self.tick(now_s)

    def caller_stopped(
        self, now_s: float, position: int, start: int, stop: int
    ) -> list[TurnAction]:
        """Voice activity ended at `stop`. A stop without a start counts as both."""
        self._audio.synchronise(now_s, position)
        actions: list[TurnAction] = []
        if self._state is not TurnState.SPEAKING:
            actions = self.caller_started(now_s, position, start)
        self._audio.close(stop)
        self._move(TurnState.TRAILING)
        self._next_silence = 0
        return actions + self.tick(now_s)

    def held(
        self,
        now_s: float,
        position: int,
        segments: tuple[tuple[int, int], ...],
        is_speaking: bool,
    ) -> list[TurnAction]:
        """Take what was said before the agent was allowed to listen, as the beginning of one turn."""
        self._audio.synchronise(now_s, position)
        actions: list[TurnAction] = []
        for start, stop in segments:
            actions += self._audio.open(now_s, start)
            self._audio.close(stop)
        if is_speaking:
            self._audio.reopen()
        self._move(TurnState.SPEAKING if is_speaking else TurnState.TRAILING)
        self._next_silence = 0
        return actions + self.tick(now_s)

    def agent_playing(self, now_s: float, ends_s: float, has_asked: bool) -> list[TurnAction]:
        """The agent's speech is being played until about `ends_s`; `has_asked`: it ends in a question."""
        was_playing = self._is_agent_playing
        self._is_agent_playing = True
        self._agent_ends_s = ends_s
        self._has_agent_asked = has_asked
        if not was_playing and self._state is TurnState.SPEAKING and self._overlap is Overlap.CLEAR:
            self._suspect(now_s)
        return []

    def agent_silent(self, now_s: float) -> list[TurnAction]:
        """All the agent said has been played (or dropped)."""
        self._is_agent_playing = False
        actions: list[TurnAction] = []
        if self._overlap is Overlap.PAUSED:
            # Dropped by somebody else while it was paused: nothing may stay paused.
            self._overlap = Overlap.SUSPECTED
            actions.append(ResumePlayout())
        return actions + self._settle(now_s)

    def recognised(self, now_s: float, ask: int, text: str | None) -> list[TurnAction]:
        """The words of a `Recognise` (None: it failed); answers that are out of date are ignored."""
        self._audio.recognised(now_s, ask, text)
        return self._settle(now_s)

    def scored(self, now_s: float, ask: int, probability: float | None) -> list[TurnAction]:
        """The answer to a `Score`; None: the model failed."""
        threshold = self._scores.pop(ask, None)
        if threshold is None or self._state is not TurnState.TRAILING:
            return []
        if probability is None:
            self._is_model_broken = True
            return self.tick(now_s)
        self._is_model_broken = False
        if probability >= threshold:
            self._decide(now_s, EndReason.MODEL, probability)
        return self._settle(now_s)

    # Time ---------------------------------------------------------------------------------------

    def deadline_s(self) -> float | None:
        """When `tick` has something to do next, if nothing happens before."""
        if self._state is TurnState.SPEAKING:
            due_s = [self._audio.part_deadline_s]
            if self._may_interrupt_by_length:
                begun_s = self._audio.voiced_since_s(self._overlap_from_s)
                if self._overlap is Overlap.SUSPECTED:
                    due_s.append(begun_s + self._settings.pause_after_ms / 1000)
                elif self._overlap is Overlap.PAUSED:
                    due_s.append(
                        begun_s + (self._settings.interrupt_after_ms + HANG_OVER_MS) / 1000
                    )
            return min(due_s)
        end_s = self._audio.voiced_end_s
        due_s = []
        if self._state is TurnState.TRAILING:
            due_s.append(end_s + self._end_after_ms()[0] / 1000)
            if self._next_silence < len(self._settings.silence_ms):
                due_s.append(end_s + self._settings.silence_ms[self._next_silence] / 1000)
        if self._overlap is Overlap.PAUSED:
            due_s.append(end_s + self._settings.resume_after_ms / 1000)
        return min(due_s, default=None)

    def tick(self, now_s: float) -> list[TurnAction]:
        """Do what is due by `now_s`."""
        if self._state is TurnState.SPEAKING:
            return self._tick_speaking(now_s)
        if self._state in (TurnState.TRAILING, TurnState.DECIDED):
            return self._tick_silent(now_s)
        return []

    def _tick_speaking(self, now_s: float) -> list[TurnAction]:
        actions: list[TurnAction] = []
        over_ms = (now_s - self._audio.voiced_since_s(self._overlap_from_s)) * 1000
        onset_ms = (now_s - self._overlap_from_s) * 1000
        if self._may_interrupt_by_length:
            if (
                self._overlap is Overlap.SUSPECTED
                and over_ms >= self._settings.pause_after_ms - _EPS
            ):
                self._overlap = Overlap.PAUSED
                actions.append(PausePlayout(onset_ms))
            # The last of it may be silence that voice activity has not told of yet.
            is_long = over_ms >= self._settings.interrupt_after_ms + HANG_OVER_MS - _EPS
            if self._overlap is Overlap.PAUSED and is_long:
                actions.append(self._interrupt(now_s, "speech"))
        if now_s >= self._audio.part_deadline_s:
            actions += self._audio.cut(now_s)
            if self._audio.is_full:
                self._move(TurnState.DECIDED)
                self._end = (EndReason.LIMIT, now_s, None)
                actions += self._settle(now_s)
        return actions

    def _tick_silent(self, now_s: float) -> list[TurnAction]:
        actions: list[TurnAction] = []
        silent_ms = (now_s - self._audio.voiced_end_s) * 1000 + _EPS
        if self._state is TurnState.TRAILING:
            actions += self._ask_again(now_s, silent_ms)
            after_ms, reason = self._end_after_ms()
            if silent_ms >= after_ms:
                self._decide(now_s, reason, None)
        is_due = self._overlap is Overlap.PAUSED and silent_ms >= self._settings.resume_after_ms
        if is_due and not self._audio.is_known:
            # The words are late, and the caller must not be left in silence; they still decide.
            self._overlap = Overlap.SUSPECTED
            actions.append(ResumePlayout())
        return actions + self._settle(now_s)

    def _ask_again(self, now_s: float, silent_ms: float) -> list[TurnAction]:
        """Ask for the words once, and for the end of the turn at each length of silence."""
        actions: list[TurnAction] = []
        silences = self._settings.silence_ms
        due: int | None = None
        while self._next_silence < len(silences) and silent_ms >= silences[self._next_silence]:
            if self._next_silence == 0:
                actions += self._audio.recognise(now_s)
            is_last = self._next_silence == len(silences) - 1
            if self._next_silence > 0 or is_last or not self._is_short_interruption():
                due = self._next_silence
            self._next_silence += 1
        if due is not None and not self._expects_digits:
            question = self._audio.score(now_s)
            self._scores[question.ask] = self._settings.thresholds[due]
            actions.append(question)
        return actions

    def _end_after_ms(self) -> tuple[int, EndReason]:
        if self._expects_digits:
            return DIGITS_SILENCE_MS, EndReason.DIGITS
        if self._is_model_broken and self._settings.max_silence_ms > FALLBACK_SILENCE_MS:
            return max(FALLBACK_SILENCE_MS, self._settings.silence_ms[0]), EndReason.FALLBACK
        return self._settings.max_silence_ms, EndReason.SILENCE

    # Decisions ----------------------------------------------------------------------------------

    @property
    def _may_interrupt(self) -> bool:
        return self._barge_in and self._is_agent_playing

    @property
    def _may_interrupt_by_length(self) -> bool:
        """Sound that has proved wordless twice no longer stops the agent; words still do."""
        return self._may_interrupt and self._false_interruptions < FALSE_INTERRUPTIONS

    def _suspect(self, from_s: float) -> None:
        self._overlap = Overlap.SUSPECTED
        self._overlap_from_s = from_s

    def _decide(self, now_s: float, reason: EndReason, probability: float | None) -> None:
        self._move(TurnState.DECIDED)
        self._end = (reason, now_s, probability)

    def _interrupt(self, now_s: float, reason: str) -> InterruptPlayout:
        self._overlap = Overlap.CONFIRMED
        self._is_agent_playing = False
        self._has_given_way = True
        return InterruptPlayout(reason, (now_s - self._overlap_from_s) * 1000)

    def _settle(self, now_s: float) -> list[TurnAction]:
        """Judge speech over the agent's, and hand over a turn whose end and words are known."""
        if self._state not in (TurnState.TRAILING, TurnState.DECIDED) or not self._audio.is_known:
            return []
        actions: list[TurnAction] = []
        if self._overlap in (Overlap.SUSPECTED, Overlap.PAUSED):
            if self._is_false_alarm():
                return self._false_alarm(now_s)
            if self._may_interrupt:
                actions.append(self._interrupt(now_s, self._interruption_reason()))
            self._overlap = Overlap.CONFIRMED
        if self._state is not TurnState.DECIDED or self._end is None:
            return actions
        if self._is_agent_playing and not self._barge_in:
            return actions
        return [*actions, self._hand_over()]

    def _is_false_alarm(self) -> bool:
        if self._verdict is None:
            self._verdict = judge(self._audio.text)
        match self._verdict:
            case Verdict.WORDS | Verdict.COMMAND:
                return False
            case Verdict.NOISE:
                return not self._audio.has_failed
            case Verdict.BACKCHANNEL:
                return not self._is_answer()
            case Verdict.ONE_WORD:
                return self._is_agent_playing and not self._is_answer()

    def _is_answer(self) -> bool:
        """Whether the agent's last sentence was a question that was over, or as good as over."""
        if not self._has_agent_asked:
            return False
        is_nearly_over = self._agent_ends_s - self._overlap_from_s <= QUESTION_END_MS / 1000
        return not self._is_agent_playing or is_nearly_over

    def _is_short_interruption(self) -> bool:
        is_over_agent = self._overlap is not Overlap.CLEAR and not self._is_answer()
        return is_over_agent and self._audio.voiced_ms < SHORT_INTERRUPTION_MS

    def _interruption_reason(self) -> str:
        if self._verdict is Verdict.COMMAND:
            return "command"
        return "words" if self._verdict is Verdict.WORDS else "answer"

    def _false_alarm(self, now_s: float) -> list[TurnAction]:
        resume_s = self._audio.voiced_end_s + self._settings.resume_after_ms / 1000
        if self._overlap is Overlap.PAUSED:
            if now_s < resume_s - _EPS / 1000:
                return []
            return [ResumePlayout(), self._drop()]
        return [self._drop()]

    def _hand_over(self) -> TurnAction:
        assert self._end is not None
        if judge(self._audio.text) is not Verdict.NOISE or self._audio.has_failed:
            reason, decided_s, probability = self._end
            self._false_interruptions = 0
            ended = TurnEnded(
                text=self._audio.text,
                is_failed=self._audio.has_failed,
                segments=self._audio.segments,
                voiced_end_s=self._audio.voiced_end_s,
                decided_s=decided_s,
                reason=reason,
                probability=probability,
                recognition_ms=self._audio.recognition_ms,
                voiced_ms=self._audio.voiced_ms,
            )
            self._clear()
            return ended
        return self._drop()

    def _drop(self) -> TurnDropped:
        is_noise = judge(self._audio.text) is Verdict.NOISE
        has_interrupted = self._overlap is Overlap.CONFIRMED and self._has_given_way
        if has_interrupted and is_noise:
            self._false_interruptions += 1
        dropped = TurnDropped(
            reason=DropReason.NOISE if is_noise else DropReason.BACKCHANNEL,
            text=self._audio.text,
            voiced_ms=self._audio.voiced_ms,
            interrupted_agent=has_interrupted,
        )
        self._clear()
        return dropped

    def _clear(self) -> None:
        is_cut_short = self._audio.is_open
        self._audio = self._audio.next_turn()
        self._overlap = Overlap.CLEAR
        self._scores.clear()
        self._end = None
        self._verdict = None
        self._has_given_way = False
        self._move(TurnState.IDLE)
        if is_cut_short:
            self._move(TurnState.SPEAKING)

    def _move(self, state: TurnState) -> None:
        if state not in MOVES[self._state]:
            raise InvalidTransition(self._state, state)
        self._state = state


_EPS = 0.001  # milliseconds by which a timer may fire early because of rounding
