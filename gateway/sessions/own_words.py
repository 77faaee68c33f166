"""Our own words on a call: tells the greeting from what the agent says, and passes on what was heard."""

from collections.abc import Callable

from gateway.model.endpoint import Leg
from gateway.model.line import PlaybackEnded, PlaybackStarted, Role, Said
from gateway.model.speech import Speech
from gateway.sessions.chronicle import Chronicle
from gateway.sessions.crossing import Crossing
from gateway.sessions.gate import OpenReason
from gateway.sessions.greeting import GreetingPhase
from gateway.sessions.greeting_audio import FixedPhrases
from gateway.sessions.ledger import Finished, Started
from gateway.sessions.screen import Screen
from gateway.sessions.seat import AgentSeat
from gateway.sessions.speaker import Speaker
from gateway.sessions.tasks import CallTasks

GREETING = "greeting"
"""Label of the greeting's playback; its marks are `greeting.start` and `greeting.end`."""


class OwnWords:
    """Owned by one session. `greeting_over(at_s, reason)` is called once, when the greeting was played or cut."""

    def __init__(
        self,
        leg: Leg,
        clock: Callable[[], float],
        *,
        chronicle: Chronicle,
        phase: GreetingPhase,
        seat: AgentSeat,
        screen: Screen,
        phrases: FixedPhrases,
        tasks: CallTasks,
        wake: Callable[[], None],
        greeting_over: Callable[[float, OpenReason], None],
        finished: Callable[[], None],
    ) -> None:
        self.speaker = Speaker(leg, clock, self._on_started, self._on_finished)
        self._clock = clock
        self._chronicle = chronicle
        self._phase = phase
        self._seat = seat
        self._screen = screen
        self.crossing = Crossing(
            phrases=phrases,
            chronicle=chronicle,
            screen=screen,
            tasks=tasks,
            clock=clock,
            wake=wake,
            speaker=self.speaker,
            deliver=seat.deliver,
        )
        """What is written comes into the call by it; for anybody on the event loop."""
        self._greeting_over = greeting_over
        self._finished = finished
        self._greeting: Speech | None = None
        self._is_greeting_over = False
        self._heard_of_greeting: Said | None = None
        self._barged_in = False

    @property
    def has_greeting(self) -> bool:
        return self._greeting is not None

    @property
    def greeting_said(self) -> Said | None:
        """The greeting as history has it: what was heard, or all of it while it is still playing."""
        if self._greeting is None or self._is_greeting_over:
            return self._heard_of_greeting
        return Said(Role.AGENT, self._greeting.text)

    def greet(self, greeting: Speech, source: str) -> None:
        """Queue the greeting; it sounds when the far end can hear it."""
        self._greeting = greeting
        self._chronicle.expect_greeting(source)
        self.speaker.say(greeting, label=GREETING)

    def cut_greeting(self) -> None:
        """Barge-in: stop it; `greeting_over` follows when the leg has told how much was heard."""
        if self._barged_in or self._greeting is None or self._is_greeting_over:
            return
        self._barged_in = True
        self._chronicle.interrupting(self._clock(), "early_speech")
        self.speaker.interrupt()

    def _on_started(self, start: Started) -> None:
        self._screen.agent_says(start.playback_id, start.text)
        if start.label == GREETING and self._greeting is not None:
            self._chronicle.greeting_started(start.at_s)
            self._phase.greeting_started(self._greeting)
            return
        self._chronicle.playback_started(start.at_s)
        self.crossing.started(start)
        self._seat.deliver(PlaybackStarted(start.at_s, start.playback_id))

    def _on_finished(self, end: Finished) -> None:
        self._screen.agent_said(end)
        if end.label == GREETING:
            self._on_greeting_finished(end)
        else:
            self._chronicle.playback_finished(end)
            self.crossing.finished(end)
            self._seat.deliver(PlaybackEnded(end.at_s, end.playback_id, end.heard, end.interrupted))
        self._finished()

    def _on_greeting_finished(self, end: Finished) -> None:
        self._is_greeting_over = True
        self._chronicle.greeting_finished(end)
        if end.heard:
            self._heard_of_greeting = Said(Role.AGENT, end.heard, end.interrupted)
        reason = OpenReason.GREETING_PLAYED
        if end.interrupted:
            reason = OpenReason.BARGE_IN if self._barged_in else OpenReason.INTERRUPTED
        self._greeting_over(end.at_s, reason)
