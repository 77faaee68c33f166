"""One call as its agent sees it: what it hears once the gate is open, what it says, what it writes down."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Protocol

from gateway.media.hearing import AudioGone, Ear
from gateway.model.hangup import HangupCause
from gateway.model.line import CallFacts, LineEvent
from gateway.model.speech import Speech

EVENTS_LIMIT = 512
"""Events that may wait for an agent; one that is this far behind has failed."""

FRAMES_LIMIT = 50
"""Frames that may wait for an agent (one second); the oldest are dropped, late sound is worse."""


class LineOwner(Protocol):
    """What a line needs of its session."""

    @property
    def is_playing(self) -> bool: ...

    @property
    def is_paused(self) -> bool: ...

    def say(self, speech: Speech) -> int: ...

    def play_raw(self, pcm: bytes) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def interrupt(self, reason: str) -> None: ...

    def read_early(self, start: int, stop: int) -> bytes | None:
        """Return kept audio, None if the ear has it; raises `AudioGone` for what is not the agent's."""

    def heard_user(self, text: str, facts: Mapping[str, float | str | int]) -> None: ...

    def record(self, kind: str, facts: Mapping[str, float | str | int]) -> None: ...

    def send_dtmf(self, digits: str) -> None: ...

    def agent_hangs_up(self, cause: HangupCause, *, after_playout: bool) -> None: ...


class SessionLine:
    """Implements `gateway.model.line.Line`. Made when the gate opens, closed when the call ends."""

    def __init__(
        self, facts: CallFacts, owner: LineOwner, ear: Ear, on_overflow: Callable[[], None]
    ) -> None:
        self._facts = facts
        self._owner = owner
        self._ear = ear
        self._on_overflow = on_overflow
        self._events: deque[LineEvent] = deque()
        self._frames: deque[bytes] = deque(maxlen=FRAMES_LIMIT)
        self._wake = asyncio.Event()
        self._frames_wake = asyncio.Event()
        self._wants_frames = False
        self._is_over = False
        self._position = 0
        self.frames_dropped = 0

    # For the session --------------------------------------------------------------------------------

    def deliver(self, event: LineEvent) -> None:
        """Queue an event for the agent."""
        if self._is_over:
            return
        if len(self._events) >= EVENTS_LIMIT:
            self._on_overflow()
            return
        self._events.append(event)
        self._wake.set()

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
        return not self._is_over and self._owner.is_playing

    @property
    def is_paused(self) -> bool:
        return not self._is_over and self._owner.is_paused

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
        early = self._owner.read_early(start, stop)
        return self._ear.read(start, stop) if early is None else early

    @property
    def position(self) -> int:
        return self._position if self._is_over else self._ear.position

    def say(self, speech: Speech) -> int:
        return 0 if self._is_over else self._owner.say(speech)

    def pause(self) -> None:
        if not self._is_over:
            self._owner.pause()

    def resume(self) -> None:
        if not self._is_over:
            self._owner.resume()

    def interrupt(self, reason: str) -> None:
        if not self._is_over:
            self._owner.interrupt(reason)

    def heard_user(self, text: str, facts: Mapping[str, float | str | int]) -> None:
        if not self._is_over:
            self._owner.heard_user(text, facts)

    def record(self, kind: str, facts: Mapping[str, float | str | int]) -> None:
        if not self._is_over:
            self._owner.record(kind, facts)

    def send_dtmf(self, digits: str) -> None:
        if not self._is_over:
            self._owner.send_dtmf(digits)

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
        if not self._is_over:
            self._owner.play_raw(pcm)

    def hang_up(self, cause: HangupCause, *, after_playout: bool = True) -> None:
        if not self._is_over:
            self._owner.agent_hangs_up(cause, after_playout=after_playout)

    def _on_frame(self, pcm: bytes, position: int) -> None:
        if self._is_over:
            return
        if len(self._frames) == FRAMES_LIMIT:
            self.frames_dropped += 1
        self._frames.append(pcm)
        self._frames_wake.set()


def gone() -> AudioGone:
    """What an agent gets that reaches for audio from behind the gate."""
    return AudioGone("the greeting gate was closed then")
