"""Runs one call from its offer to its end: one task, one inbox, the only writer of the call's state.

What may follow what is in `state.py`; when the agent may hear is in `greeting.py`; what was heard of our
own words is in `ledger.py`; what is written down is in `chronicle.py`; how it ends is in `ending.py`.
"""

import asyncio
import logging
from typing import assert_never

from gateway.config import AgentBase
from gateway.log import CALL_ID, ROOM_ID
from gateway.media.hearing import Ear, SpeechStarted, SpeechStopped
from gateway.model import events
from gateway.model.endpoint import Leg
from gateway.model.hangup import HangupCause
from gateway.model.line import Agent, KeyPressed
from gateway.rooms.timeline import Kind, RoomView
from gateway.sessions import messages
from gateway.sessions.answering import Answering
from gateway.sessions.chronicle import Chronicle
from gateway.sessions.echo_inquiry import EchoInquiry
from gateway.sessions.ending import Ending
from gateway.sessions.gate import OpenReason
from gateway.sessions.greeting import GreetingPhase, Opened
from gateway.sessions.inbox import Inbox
from gateway.sessions.life import Life
from gateway.sessions.line import SessionLine
from gateway.sessions.own_words import OwnWords
from gateway.sessions.placed import PlacedCall
from gateway.sessions.preparation import Preparation, call_facts, fresh_room
from gateway.sessions.screen import Screen
from gateway.sessions.seat import AgentSeat
from gateway.sessions.state import SessionState, Trigger
from gateway.sessions.surroundings import Surroundings
from gateway.sessions.tasks import CallTasks, run_each
from gateway.sessions.timers import Timer, Timers

logger = logging.getLogger(__name__)


class Session:
    """One call. Implements `LegListener`; `start` runs it, everything else posts to its inbox."""

    def __init__(
        self,
        leg: Leg,
        offered: events.Offered,
        ear: Ear,
        agent: Agent,
        settings: AgentBase,
        around: Surroundings,
        placed: PlacedCall | None = None,
    ) -> None:
        self.tape = around.tapes.open(
            offered, ear, lambda at_s, facts: self._chronicle.note(Kind.RECORDING, at_s, facts)
        )
        leg, settings = self.tape.tap(leg), self.tape.dress(settings)
        self.offered = offered
        self.agent = agent
        self._leg = leg
        self._ear = ear
        self._settings = settings
        self._around = around
        self._inbox: Inbox[messages.Message] = Inbox()
        self._screen = Screen(leg)
        self._life = Life(
            offered.call_id, self._screen.state, lambda state: self.crossing.state_changed(state)
        )
        self._timers = Timers(lambda timer: self._post(messages.Fired(timer)))
        self._tasks = CallTasks(offered.call_id)
        self._answering = Answering(leg, ear, self._timers, placed)
        self._chronicle = Chronicle(around.recorder, around.metrics, offered)
        self._chronicle.hides_words = self.tape.was_paused_since
        self._phase = GreetingPhase(
            around.greeting,
            around.turns,
            settings.early_speech,
            ear,
            self._timers,
            EchoInquiry(around.is_echo, self._tasks, self._post),
        )
        self._seat = AgentSeat(
            agent,
            offered.call_id,
            self._tasks,
            lambda failure: self._post(messages.AgentDone(failure)),
        )
        self._words = OwnWords(
            leg,
            self._now,
            chronicle=self._chronicle,
            phase=self._phase,
            seat=self._seat,
            screen=self._screen,
            phrases=around.phrases,
            tasks=self._tasks,
            wake=lambda: self._post(messages.Crossed()),
            greeting_over=self._greeting_over,
            finished=lambda: self._ending.on_playback_finished(),
        )
        self.crossing = self._words.crossing
        self._ending = Ending(
            life=self._life,
            leg=leg,
            speaker=self._words.speaker,
            seat=self._seat,
            timers=self._timers,
            tasks=self._tasks,
            settings=settings,
            around=around,
            screen=self._screen,
            open_gate=lambda reason: self._gate_opened(self._phase.open(self._now(), reason)),
            post=self._post,
        )
        self._preparation = Preparation(offered, settings, around, self._post)
        self._room: RoomView | None = None
        self._ended: events.Ended | None = None

    @property
    def state(self) -> SessionState:
        return self._life.state

    @property
    def room_id(self) -> str | None:
        """The call's room, once it is known."""
        return self._room.room_id if self._room else None

    @property
    def is_gate_open(self) -> bool:
        return self._phase.is_open

    @property
    def agent_name(self) -> str:
        return self.agent.name

    @property
    def is_caller_speaking(self) -> bool:
        """Whether voice activity is found in what the caller sends now."""
        return self._ear.is_speaking

    # From outside -----------------------------------------------------------------------------------

    def start(self) -> asyncio.Task[None]:
        """Run the call; the task ends when everything of it is released. It does not raise."""
        return asyncio.create_task(self._run(), name=f"call {self.offered.call_id}")

    def on_leg_event(self, event: events.LegEvent) -> None:
        if isinstance(event, events.Ended):
            self._inbox.post_last(event)
        else:
            self._post(event)

    def close(self, cause: HangupCause) -> None:
        """End the call politely: goodbye, then hang-up; refuse it if it was not answered yet."""
        self._post(messages.CloseAsked(cause))

    def hang_up(self, cause: HangupCause) -> None:
        """End the call at once."""
        self._post(messages.HangUpAsked(cause))

    def _post(self, message: messages.Message) -> None:
        self._inbox.post(message)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    # The one task -----------------------------------------------------------------------------------

    async def _run(self) -> None:
        CALL_ID.set(self.offered.call_id)
        reason = OpenReason.HUNG_UP
        try:
            self._ear.listen(self._post)
            self._answering.begin()
            self._life.apply(Trigger.ROUTED)
            self._preparation.start(self._tasks)
            while self.state is not SessionState.ENDED:
                message = await self._inbox.get()
                if self._inbox.overflowed and not self._life.is_over:
                    logger.error("inbox overflowed")
                    self._ending.hang_up(HangupCause.OVERLOADED)
                self._handle(message)
        except asyncio.CancelledError:
            # Stopping is how a gateway ends what draining did not: the call still ends well.
            reason = OpenReason.CANCELLED
            self._ending.abandon(HangupCause.DRAINING)
        except Exception:
            logger.exception("session failed")
            self._ending.abandon(HangupCause.INTERNAL_ERROR)
        if self._ended is not None and self._ended.cause is HangupCause.WORKER_LOST:
            reason = OpenReason.ENDPOINT_LOST
        await self._finish(reason)

    def _handle(self, message: messages.Message) -> None:
        self.tape.see(message)
        match message:
            case SpeechStarted() | SpeechStopped():
                self._on_speech(message)
            case events.Marked():
                self._words.speaker.on_marked(message)
                self._ending.on_marked(message.name)
            case events.Cleared():
                self._chronicle.fell_silent(message.at_s)
                self._words.speaker.on_cleared(message)
            case events.Dtmf():
                self._on_dtmf(message)
            case events.MessageReceived():
                self.crossing.typed(message)
            case events.Statistics():
                self._chronicle.quality(message)
            case events.Ringing():
                self._chronicle.note(Kind.RINGING, message.at_s)
            case events.Answered():
                self._on_answered(message)
            case events.MediaUp():
                self._chronicle.media_up(message)
            case events.Ended():
                self._ended = message
                self._life.apply(Trigger.LEG_ENDED)
            case messages.Fired():
                self._on_timer(message.timer)
            case messages.RoomFound():
                self._enter_room(message.room)
            case messages.GreetingReady():
                self._on_greeting_ready(message)
            case messages.EchoJudged():
                if self._phase.judged(message.start, is_echo=message.is_echo):
                    self._words.cut_greeting()
            case messages.AgentDone():
                self._on_agent_done(message.failure)
            case messages.LastWords():
                self._ending.on_last_words(message.speech)
            case messages.Crossed():
                self.crossing.work()
            case messages.CloseAsked():
                rings_there = self._answering.is_ours and self.state is SessionState.ANSWERING
                end = self._ending.hang_up if rings_there else self._ending.say_goodbye
                end(message.cause)
            case messages.AgentCloses():
                self._ending.when_heard(message.cause)
            case messages.HangUpAsked():
                self._ending.hang_up(message.cause)
            case _:
                assert_never(message)

    def _on_timer(self, timer: Timer) -> None:
        match timer:
            case Timer.GATE:
                self._gate_opened(self._phase.poll(self._now()))
            case Timer.BARGE_IN:
                if self._phase.barge_in_due():
                    self._words.cut_greeting()
            case Timer.ECHO_GRACE:
                self._seat.deliver(*self._phase.echo_grace_over(self._now()))
            case Timer.ANSWER:
                self._ending.hang_up(self._answering.late_cause)
            case Timer.MAX_CALL:
                self._ending.say_goodbye(HangupCause.MAX_DURATION)
            case Timer.CLOSING:
                self._ending.hang_up(HangupCause.AGENT_HUNG_UP)
            case Timer.HANGING_UP:
                logger.error("end not reported")
                self._ending.abandon(HangupCause.INTERNAL_ERROR)
            case _:
                assert_never(timer)

    # Before the answer ------------------------------------------------------------------------------

    def _enter_room(self, room: RoomView) -> None:
        if self._room is None:
            self._room = room
            ROOM_ID.set(room.room_id)
            self._chronicle.enter_room(room.room_id, self.agent.name)

    def _on_greeting_ready(self, message: messages.GreetingReady) -> None:
        self._life.apply(Trigger.PREPARED)
        if self._life.is_over:
            return
        if message.audio.speech is not None:
            self._words.greet(message.audio.speech, message.audio.source.value)
        if (early := self._answering.ready()) is not None:
            self._on_answered(early)

    def _on_answered(self, event: events.Answered) -> None:
        if not self._answering.answered(event):
            return
        self._chronicle.answered(event.at_s)
        self._life.apply(Trigger.ANSWERED)
        if self._life.is_over:
            return
        longest_s = self._around.max_call_s
        if self.offered.max_call_s > 0:
            longest_s = min(longest_s, self.offered.max_call_s)
        self._timers.set(Timer.MAX_CALL, longest_s)
        if self.state is SessionState.GREETING:
            self._phase.answered(self._now())
            if not self._words.has_greeting:
                is_wanted = bool(self._settings.greeting.strip())
                reason = OpenReason.SYNTHESIS_FAILED if is_wanted else OpenReason.NO_GREETING
                self.tape.greeting_over(None)
                self._phase.release(self._now(), reason)

    # Our own words and the gate ---------------------------------------------------------------------

    def _greeting_over(self, at_s: float, reason: OpenReason) -> None:
        if self._life.is_over:
            return
        self.tape.greeting_over(self._words.greeting_said)
        if reason is OpenReason.GREETING_PLAYED:
            self._phase.release(at_s, reason)
        else:
            self._gate_opened(self._phase.open(at_s, reason))

    def _gate_opened(self, opened: Opened | None) -> None:
        """Write the opening down and, if the call goes on, give the agent the line."""
        if opened is None:
            return
        self._chronicle.gate_opened(opened.opening, opened.facts)
        self._screen.gate(opened.opening.reason)
        typed = self.crossing.open_typed()
        if self.state not in (SessionState.ANSWERING, SessionState.GREETING):
            return
        self._life.apply(Trigger.GATE_OPENED)
        room = self._room or fresh_room()
        line = SessionLine(
            call_facts(self.offered, room, self._words.greeting_said, self._answering.purpose),
            leg=self._leg,
            ear=self._ear,
            phase=self._phase,
            speaker=self._words.speaker,
            chronicle=self._chronicle,
            screen=self._screen,
            understood=self.tape.understood,
            clock=self._now,
            post=self._post,
        )
        self._seat.take(line, (*opened.first, *typed))

    # The caller and the agent -----------------------------------------------------------------------

    def _on_speech(self, event: SpeechStarted | SpeechStopped) -> None:
        if self._life.is_over:
            return
        self._chronicle.caller_spoke(event, self._ear.position)
        self._seat.deliver(*self._phase.hear(event))

    def _on_dtmf(self, event: events.Dtmf) -> None:
        # While a recording is paused for a card number its digits are not written down either.
        digit = "" if self.tape.was_paused_since(event.at_s) else event.digit
        self._chronicle.note(Kind.DTMF, event.at_s, {"digit": digit})
        if self.tape.take_key(event.digit):
            return
        if self._seat.is_taken:
            self._seat.deliver(KeyPressed(event.at_s, event.digit))
        elif not self._phase.is_open:
            self._phase.key(event)

    def _on_agent_done(self, failure: str | None) -> None:
        """A failure while the call is being closed anyway needs no apology (we cancel it then)."""
        if self.state is not SessionState.CONVERSING:
            return
        if failure is None:
            # It has nothing more to say: nobody is left waiting on a line where nobody listens.
            self._ending.when_heard(HangupCause.AGENT_HUNG_UP)
        else:
            self._chronicle.note(Kind.AGENT_FAILED, self._now(), {"error": failure})
            self._ending.apologise(HangupCause.AGENT_FAILED)

    # The end ----------------------------------------------------------------------------------------

    async def _finish(self, reason: OpenReason) -> None:
        """Release everything, then write the end down; bounded, and no fault skips a step."""
        call_id, ended = self.offered.call_id, self._ended
        at_s = ended.at_s if ended else self._now()
        run_each(
            call_id,
            lambda: self._words.speaker.finish(at_s),
            lambda: self._gate_opened(self._phase.open(at_s, reason)),
            self._timers.cancel_all,
            self.crossing.close,
            self._seat.close,
            lambda: self.tape.close(at_s),
            lambda: self._ear.listen(None),
            lambda: self._leg.bind_ear(None),
            self._ear.close,
        )
        # Also a call that was over before its room was found is written into it, if that can be.
        room = self._room or await self._preparation.room_in_the_end()
        cause = self._ending.cause or (ended.cause if ended else HangupCause.INTERNAL_ERROR)
        run_each(
            call_id,
            lambda: self._enter_room(room),
            lambda: self._chronicle.ended(at_s, cause, ended.detail if ended else ""),
        )
        await self._tasks.cancel_all()
