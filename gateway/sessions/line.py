"""One call as its agent sees it: what it hears once the gate is open, what it says, what it writes down."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping

from gateway.media.hearing import Ear
from gateway.model.endpoint import Leg
from gateway.model.hangup import HangupCause
from gateway.model.line import CallFacts, LineEvent, Role
from gateway.model.speech import Speech
from gateway.rooms.timeline import Kind
from gateway.sessions.chronicle import Chronicle
from gateway.sessions.greeting import GreetingPhase
from gateway.sessions.messages import AgentCloses, AgentDone, HangUpAsked, Message
from gateway.sessions.screen import Screen
from gateway.sessions.speaker import Speaker

EVENTS_LIMIT = 512
"""Events that may wait for an agent; one that is this far behind has failed."""

FRAMES_LIMIT = 50
"""Frames that may wait for an agent (one second); the oldest are dropped, late sound is worse."""


class SessionLine:
    """Implements `gateway.model.line.Line`. Made when the gate opens, closed when the call ends."""

    def __init__(
        self,
        facts: CallFacts,
        *,
        leg: Leg,
        ear: Ear,
        phase: GreetingPhase,
        speaker: Speaker,
        chronicle: Chronicle,
        screen: Screen,
        understood: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float],
        post: Callable[[Message], None],
    ) -> None:
        self._facts = facts
        self._leg = leg
        self._ear = ear
        self._phase = phase
        self._speaker = speaker
        self._chronicle = chronicle
        self._screen = screen
        self._understood = understood
        self._clock = clock
        self._post = post
        self._events: deque[LineEvent] = deque()
        self._frames: deque[bytes] = deque(maxlen=FRAMES_LIMIT)
        self._wake = asyncio.Event()
        self._frames_wake = asyncio.Event()
        self._wants_frames = False
        self._is_over = False
        self._is_closing = False
        self._position = 0
        self.frames_dropped = 0

    # For the session --------------------------------------------------------------------------------

    def deliver(self, event: LineEvent) -> None:
        """Queue an event for the agent."""
        if self._is_over:
            return
        if len(self._events) >= EVENTS_LIMIT:
            self._post(AgentDone("it does not take its events"))
            return
        self._events.append(event)
        self._wake.set()

    def stop_talking(self) -> None:
        """Last words are decided: the agent still hears, what it says is not played any more."""
        self._is_closing = True

    def close(self) -> None:
        """The call is over: `events` and `frames` end, everything else does nothing."""
        if self._is_over:
            return
        self._position = self._ear.position
        if self._wants_frames:
            self._ear.listen_frames(None)
        self._is_over = True
        self._events.clear()
        self._frames.clear()
        self._wake.set()
        self._frames_wake.set()

    # For the agent ----------------------------------------------------------------------------------

    @property
    def facts(self) -> CallFacts:
        return self._facts

    @property
    def is_playing(self) -> bool:
        return not self._is_over and self._speaker.is_playing

    @property
    def is_paused(self) -> bool:
        return not self._is_over and self._speaker.is_paused

    async def events(self) -> AsyncIterator[LineEvent]:
        """Yield events; a second iterator goes on where the first stopped."""
        while True:
            while not self._events:
                if self._is_over:
                    return
                self._wake.clear()
                await self._wake.wait()
            yield self._events.popleft()

    def read(self, start: int, stop: int) -> bytes:
        if self._is_over:
            return b""
        return self._phase.read(start, stop)

    @property
    def position(self) -> int:
        return self._position if self._is_over else self._ear.position

    def say(self, speech: Speech) -> int:
        return 0 if self._is_over or self._is_closing else self._speaker.say(speech)

    def pause(self) -> None:
        if not self._is_over and not self._is_closing:
            self._speaker.pause()

    def resume(self) -> None:
        if not self._is_over:
            self._speaker.resume()

    def interrupt(self, reason: str) -> None:
        if self._is_over:
            return
        if self._speaker.is_playing:
            self._chronicle.interrupting(self._clock(), reason)
        self._speaker.interrupt()

    def hearing(self, text: str) -> None:
        if not self._is_over:
            self._screen.hearing(text)

    def heard_user(self, text: str, facts: Mapping[str, float | str | int]) -> None:
        if not self._is_over:
            self._screen.caller_said(text)
            self._chronicle.note(Kind.USER_SAID, self._clock(), facts, role=Role.USER, text=text)
            self._understood(text)

    def record(self, kind: str, facts: Mapping[str, float | str | int]) -> None:
        if self._is_over:
            return
        if kind == Kind.MESSAGE_TAKEN:
            self._chronicle.note(Kind.MESSAGE_TAKEN, self._clock(), facts)
        else:
            self._chronicle.note(Kind.AGENT_EVENT, self._clock(), {"name": kind, **facts})

    def send_dtmf(self, digits: str) -> None:
        if not self._is_over:
            self._leg.send_dtmf(digits)

    def listen_frames(self, enabled: bool) -> None:
        if self._is_over or enabled is self._wants_frames:
            return
        self._wants_frames = enabled
        self._ear.listen_frames(self._on_frame if enabled else None)
        if not enabled:
            self._frames.clear()

    async def frames(self) -> AsyncIterator[bytes]:
        while True:
            while not self._frames:
                if self._is_over:
                    return
                self._frames_wake.clear()
                await self._frames_wake.wait()
            yield self._frames.popleft()

    def play_frame(self, pcm: bytes) -> None:
        if not self._is_over and not self._is_closing:
            self._speaker.play_raw(pcm)

    def hang_up(self, cause: HangupCause, *, after_playout: bool = True) -> None:
        if not self._is_over:
            self._is_closing = True
            self._post(AgentCloses(cause) if after_playout else HangUpAsked(cause))

    def _on_frame(self, pcm: bytes, _position: int) -> None:
        if self._is_over:
            return
        if len(self._frames) == FRAMES_LIMIT:
            self.frames_dropped += 1
        self._frames.append(pcm)
        self._frames_wake.set()
