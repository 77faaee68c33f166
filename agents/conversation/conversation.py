"""Holds one conversation: turns in, answers out, and no silence that nobody accounts for."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, assert_never

from agents.conversation.brain import Brain, EndCall, ExpectDigits, Note, Phrase, Thought, UserTurn
from agents.conversation.history import History
from agents.conversation.keys import KeyCollector
from agents.conversation.listening import Ears, Recognised, Scored, answer_recognise, answer_score
from agents.conversation.manners import Manners
from agents.conversation.replying import Reply, ReplyDone, Splitter, script
from agents.conversation.silence import SilenceClock, SilenceStep
from agents.conversation.small_phrases import AGAIN, FILLERS
from agents.conversation.speaking import Speaker
from agents.turns.actions import (
    InterruptPlayout,
    PausePlayout,
    Recognise,
    ResumePlayout,
    Score,
    TurnAction,
    TurnDropped,
    TurnEnded,
)
from agents.turns.backchannels import is_farewell
from agents.turns.timings import TurnTimings
from agents.turns.turn_taker import TurnTaker
from gateway.errors import ProviderUnavailable
from gateway.model.hangup import HangupCause
from gateway.model.line import (
    CallerStarted,
    CallerStopped,
    HeldSpeech,
    KeyPressed,
    Line,
    LineEvent,
    PlaybackEnded,
    PlaybackStarted,
    SaidByOther,
    TextTyped,
)
from gateway.model.speech import Urgency, Voice

log = logging.getLogger(__name__)

INBOX_LIMIT = 256
"""Most events that may wait; when full whoever posts waits (the line's own queue is bounded)."""

MISHEARD_LIMIT = 2
"""How often in a row the caller is asked to say it again."""

MUMBLE_MS = 700.0
"""Voice without words for so long was meant for us; shorter sounds are ignored."""

FILLER_AGAIN_S = 6.0
"""A filler is followed by another so long after."""


@dataclass(frozen=True, slots=True)
class _LineOver:
    """The line has no more events."""


_Happening = LineEvent | Recognised | Scored | ReplyDone | _LineOver


class Conversation:
    """One call's conversation. `run` is the only task that changes its state; others post to its inbox."""

    def __init__(
        self,
        line: Line,
        brain: Brain,
        ears: Ears,
        voice: Voice,
        manners: Manners,
        splitter: Callable[[], Splitter],
    ) -> None:
        self._line = line
        self._brain = brain
        self._ears = ears
        self._manners = manners
        self._new_splitter = splitter
        self._inbox: asyncio.Queue[_Happening] = asyncio.Queue(INBOX_LIMIT)
        self._tasks: set[asyncio.Task[None]] = set()
        self._history = History(line.facts.history, manners.history_lines)
        self._turns = TurnTaker(manners.turns, barge_in=manners.barge_in)
        self._speaker = Speaker(line, voice, self._history, lambda: self._turns.is_floor_free)
        self._silence = SilenceClock(manners.turns.reprompt_after_s, manners.turns.reprompts)
        self._keys = KeyCollector()
        self._reply: Reply | None = None
        self._reply_task: asyncio.Task[None] | None = None
        self._latest: Reply | None = None
        self._ending: HangupCause | None = None
        self._filler_at_s: float | None = None
        self._fillers_said = 0
        self._misheard = 0
        self._has_reprompted = False
        self._holds_floor = False
        self._is_over = False

    async def run(self) -> None:
        """Converse until the call ends or is hung up; raises when no answer can be given."""
        loop = asyncio.get_running_loop()
        self._spawn(self._pump(), "events")
        try:
            self._after(loop.time())
            while not self._is_over:
                happening = await self._next()
                if happening is not None:
                    self._handle(happening, loop.time())
                self._tick(loop.time())
                self._after(loop.time())
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pump(self) -> None:
        async for event in self._line.events():
            await self._inbox.put(event)
        await self._inbox.put(_LineOver())

    async def _next(self) -> _Happening | None:
        try:
            async with asyncio.timeout_at(self._deadline_s()):
                return await self._inbox.get()
        except TimeoutError:
            return None

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"call {self._line.facts.call_id} {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _post(self, work: Coroutine[Any, Any, Recognised | Scored | ReplyDone]) -> None:
        await self._inbox.put(await work)

    # What happens -------------------------------------------------------------------------------

    def _handle(self, happening: _Happening, now_s: float) -> None:
        position = self._line.position
        match happening:
            case CallerStarted(start=start):
                self._do(self._turns.caller_started(now_s, position, start), now_s)
            case CallerStopped(start=start, stop=stop):
                self._do(self._turns.caller_stopped(now_s, position, start, stop), now_s)
            case HeldSpeech(segments=segments, is_speaking=is_speaking):
                self._do(self._turns.held(now_s, position, segments, is_speaking), now_s)
            case KeyPressed(digit=digit):
                self._key(digit, now_s)
            case TextTyped(text=text):
                self._answer(text, TurnTimings.at(now_s), is_keys=False)
            case PlaybackStarted():
                self._speaker.started(happening)
                self._note_first_sample(happening)
            case PlaybackEnded():
                self._speaker.ended(happening)
            case SaidByOther(playback_id=playback_id, speech=speech):
                self._speaker.adopt(playback_id, speech)
            case Recognised(ask=ask, text=text):
                self._do(self._turns.recognised(now_s, ask, text), now_s)
                if words := self._turns.words_so_far:
                    self._line.hearing(words)
            case Scored(ask=ask, probability=probability):
                self._do(self._turns.scored(now_s, ask, probability), now_s)
            case ReplyDone():
                self._reply_done(happening)
            case _LineOver():
                self._is_over = True
            case _:
                assert_never(happening)

    def _deadline_s(self) -> float | None:
        deadlines_s = (
            self._turns.deadline_s(),
            self._keys.deadline_s(),
            self._silence.deadline_s(),
            self._speaker.stuck_deadline_s(),
            self._filler_at_s,
        )
        return min((at_s for at_s in deadlines_s if at_s is not None), default=None)

    def _tick(self, now_s: float) -> None:
        self._do(self._turns.tick(now_s), now_s)
        self._speaker.tick(now_s)
        if (digits := self._keys.tick(now_s)) is not None:
            self._keys_entered(digits, now_s)
        if self._filler_at_s is not None and now_s >= self._filler_at_s:
            self._say_filler(now_s)
        match self._silence.tick(now_s):
            case SilenceStep.REPROMPT:
                self._has_reprompted = True
                self._utter(
                    Note("reprompt", {"count": self._silence.reprompts_used}),
                    Phrase(self._manners.reprompt),
                )
            case SilenceStep.GIVE_UP:
                self._utter(
                    Note("no_input"),
                    Phrase(self._manners.goodbye),
                    EndCall(HangupCause.NO_INPUT),
                )

    def _after(self, now_s: float) -> None:
        """Bring everybody up to date about who has the floor; end the call when it is time."""
        holds = self._speaker.is_speaking or (self._reply is not None and self._reply.has_spoken)
        if holds:
            asked = self._speaker.has_asked and self._reply is None
            self._do(self._turns.agent_playing(now_s, self._speaker.ends_s, asked), now_s)
        elif self._holds_floor:
            self._do(self._turns.agent_silent(now_s), now_s)
        self._holds_floor = holds
        if self._turns.is_floor_free:
            self._speaker.floor_changed()
        is_quiet = self._turns.is_floor_free and self._reply is None
        is_quiet = is_quiet and not self._speaker.is_speaking and not self._keys.is_collecting
        if not is_quiet:
            self._silence.busy()
        elif self._ending is not None:
            self._hang_up(self._ending)
        else:
            self._silence.quiet(now_s)

    # Turns --------------------------------------------------------------------------------------

    def _do(self, actions: list[TurnAction], now_s: float) -> None:
        for action in actions:
            match action:
                case Recognise():
                    work = answer_recognise(self._line, self._ears, action)
                    self._spawn(self._post(work), "recognise")
                case Score():
                    score = answer_score(self._line, self._ears, action)
                    self._spawn(self._post(score), "end of turn")
                case PausePlayout(onset_to_decision_ms=after_ms):
                    self._speaker.pause(now_s)
                    self._line.record("paused", {"onset_to_decision_ms": round(after_ms, 1)})
                case ResumePlayout():
                    self._speaker.resume(now_s)
                    self._line.record("resumed", {})
                case InterruptPlayout(reason=reason, onset_to_decision_ms=after_ms):
                    self._interrupt(reason)
                    self._line.record(
                        "interrupted",
                        {"reason": reason, "onset_to_decision_ms": round(after_ms, 1)},
                    )
                case TurnEnded():
                    self._turn_ended(action, now_s)
                case TurnDropped():
                    self._turn_dropped(action)
                case _:
                    assert_never(action)

    def _interrupt(self, reason: str) -> None:
        """Stop speaking and thinking; what was being made can no longer be heard."""
        self._speaker.silence(reason)
        self._cancel_reply()

    def _cancel_reply(self) -> None:
        self._filler_at_s = None
        self._reply = None
        if self._reply_task is not None:
            self._reply_task.cancel()
            self._reply_task = None

    def _turn_ended(self, turn: TurnEnded, now_s: float) -> None:
        if turn.is_failed and not turn.text:
            self._line.record("recognition_failed", {"count": self._misheard + 1})
            if self._misheard >= MISHEARD_LIMIT:
                raise ProviderUnavailable("the recogniser keeps failing")
            self._ask_again()
            return
        timings = TurnTimings(
            voiced_end_s=turn.voiced_end_s,
            decided_s=turn.decided_s,
            recognition_ms=turn.recognition_ms,
            thinking_s=now_s,
        )
        facts = timings.heard_facts()
        facts["end_reason"] = turn.reason.value
        if turn.probability is not None:
            facts["end_probability"] = round(turn.probability, 3)
        self._line.heard_user(turn.text, facts)
        self._answer(turn.text, timings, is_keys=False)

    def _turn_dropped(self, dropped: TurnDropped) -> None:
        self._line.hearing("")
        self._line.record(
            "not_a_turn",
            {"reason": dropped.reason.value, "voiced_ms": round(dropped.voiced_ms)},
        )
        if self._reply is not None or self._speaker.is_speaking:
            return
        is_mumble = not dropped.text and dropped.voiced_ms >= MUMBLE_MS
        if (is_mumble or dropped.interrupted_agent) and self._misheard < MISHEARD_LIMIT:
            self._ask_again()

    def _ask_again(self) -> None:
        self._misheard += 1
        self._utter(Note("asked_again", {"count": self._misheard}), Phrase(AGAIN))

    # Keys ---------------------------------------------------------------------------------------

    def _key(self, digit: str, now_s: float) -> None:
        if self._speaker.is_speaking or self._reply is not None:
            self._interrupt("key")
        if (digits := self._keys.press(now_s, digit)) is not None:
            self._keys_entered(digits, now_s)

    def _keys_entered(self, digits: str, now_s: float) -> None:
        self._line.record("keys_entered", {"count": len(digits)})
        self._answer(digits, TurnTimings.at(now_s), is_keys=True)

    # Answers ------------------------------------------------------------------------------------

    def _answer(self, text: str, timings: TurnTimings, *, is_keys: bool) -> None:
        if self._ending is not None and is_farewell(text):
            self._hang_up(self._ending)
            return
        self._misheard = 0
        self._silence.words_heard()
        line = f"(pressed the keys {text})" if is_keys else text
        turn = UserTurn(
            text=text,
            serial=self._history.user_said(line),
            is_keys=is_keys,
            after_reprompt=self._has_reprompted,
        )
        self._has_reprompted = False
        self._begin(self._brain.reply(turn, self._history), timings)
        self._fillers_said = 0
        self._filler_at_s = timings.thinking_s + self._manners.turns.filler_after_ms / 1000

    def _utter(self, *thoughts: Thought) -> None:
        """Say something fixed that needs no thinking."""
        self._begin(script(thoughts), None)

    def _begin(self, thoughts: AsyncGenerator[Thought, None], timings: TurnTimings | None) -> None:
        self._interrupt("turn")
        self._ending = None
        reply = Reply(thoughts, self._speaker, self._new_splitter(), timings, self._thought)
        self._reply = self._latest = reply
        self._reply_task = self._spawn(self._post(reply.run()), "reply")

    def _thought(self, thought: Thought) -> None:
        match thought:
            case Note(kind=kind, facts=facts):
                self._line.record(kind, facts)
            case ExpectDigits(expected=expected):
                self._turns.expect_digits(expected)
            case EndCall(cause=cause):
                self._ending = cause

    def _reply_done(self, done: ReplyDone) -> None:
        if done.generation != self._speaker.generation or self._reply is None:
            return
        self._cancel_reply()
        if done.error is not None:
            raise done.error

    def _note_first_sample(self, event: PlaybackStarted) -> None:
        reply = self._latest
        if reply is None or reply.timings is None or reply.timings.playing_s is not None:
            return
        if event.playback_id == reply.first_playback_id:
            reply.timings.playing_s = event.at_s
            self._line.record("turn", reply.timings.facts())
        elif not reply.has_spoken and reply.timings.filler_s is None:
            reply.timings.filler_s = event.at_s

    def _say_filler(self, now_s: float) -> None:
        """Account for the silence while an answer is being made; skipped while the caller speaks."""
        self._filler_at_s = None
        if self._reply is None or self._reply.has_spoken:
            return
        self._filler_at_s = now_s + FILLER_AGAIN_S
        if self._turns.is_floor_free and not self._speaker.is_speaking:
            text = self._manners.filler if self._fillers_said == 0 else FILLERS[-1]
            self._fillers_said += 1
            self._spawn(self._fill(text, self._reply), "filler")

    async def _fill(self, text: str, reply: Reply) -> None:
        try:
            speech = await self._speaker.render(text, Urgency.FIRST_SENTENCE)
        except Exception as error:  # a filler is not worth a call; the answer may still come
            log.warning("no filler", extra={"reason": repr(error)})
            return
        is_wanted = reply is self._reply and not reply.has_spoken and self._turns.is_floor_free
        if is_wanted and self._speaker.say(reply.generation, speech) is not None:
            self._line.record("filler", {"count": self._fillers_said})

    def _hang_up(self, cause: HangupCause) -> None:
        self._is_over = True
        self._line.hang_up(cause, after_playout=True)
