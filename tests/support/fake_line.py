"""A line whose playout and caller follow the loop's clock, with audio that a fake recogniser can tell apart."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from gateway.media.hearing import AudioGone
from gateway.model.frame import RATE_HZ
from gateway.model.hangup import HangupCause
from gateway.model.line import (
    CallerStarted,
    CallerStopped,
    CallFacts,
    KeyPressed,
    Line,
    LineEvent,
    PlaybackEnded,
    PlaybackStarted,
    Role,
    Said,
    TextTyped,
)
from gateway.model.speech import Speech

VAD_START_MS = 96
"""So long after its onset speech is noticed."""
VAD_STOP_MS = 128
"""So long after its end silence is noticed."""
LEAD_IN = 3_200
"""Samples put before the first voiced one, but not over the last speech."""
KEPT_S = 30

FACTS = CallFacts(
    call_id="c_test",
    room_id="r_test",
    caller="+15551234567",
    callee="100",
    history=(Said(Role.AGENT, "Hello, how can I help you?"),),
)

Facts = dict[str, float | str | int]


@dataclass
class Playback:
    """Something the agent said."""

    playback_id: int
    speech: Speech
    left_ms: float
    said_at_s: float
    started_at_s: float | None = None
    ended_at_s: float | None = None
    heard: str = ""
    interrupted: bool = False


@dataclass
class FakeLine:
    """Implements `Line`. The caller's speech is a constant sample value per utterance (1, 2, …)."""

    facts: CallFacts = FACTS
    playbacks: list[Playback] = field(default_factory=list)
    users: list[tuple[str, Facts]] = field(default_factory=list)
    records: list[tuple[str, Facts]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    """What was understood of turns that were not over."""
    hung_up: tuple[HangupCause, bool] | None = None
    hung_up_at_s: float | None = None
    interrupts: list[tuple[float, str]] = field(default_factory=list)
    frames_played: list[bytes] = field(default_factory=list)
    spoken: list[tuple[int, int]] = field(default_factory=list)
    """Positions of the caller's utterances."""

    def __post_init__(self) -> None:
        self._events: asyncio.Queue[LineEvent | None] = asyncio.Queue()
        self._frames: asyncio.Queue[bytes] = asyncio.Queue()
        self._begins_s = asyncio.get_running_loop().time()
        self._waiting: list[Playback] = []
        self._is_paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._resumed_s = 0.0
        self.listens_to_frames = False

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()

    # The caller's side, for tests ---------------------------------------------------------------

    async def speak(self, ms: int) -> int:
        """Speak for `ms`; returns the utterance's number, once its end would be noticed."""
        start = self.position
        number = len(self.spoken) + 1
        self.spoken.append((start, start + ms * RATE_HZ // 1000))
        stop = self.spoken[-1][1]
        begins = max(start - LEAD_IN, self.spoken[-2][1] if number > 1 else 0)
        await asyncio.sleep(VAD_START_MS / 1000)
        self.emit(CallerStarted(self._now_s(), begins))
        await asyncio.sleep(max(0, ms + VAD_STOP_MS - VAD_START_MS) / 1000)
        self.emit(CallerStopped(self._now_s(), begins, stop))
        return number

    def write(self, text: str) -> None:
        """The caller types something."""
        self.emit(TextTyped(self._now_s(), text))

    def press(self, digits: str) -> None:
        for digit in digits:
            self.emit(KeyPressed(self._now_s(), digit))

    def emit(self, event: LineEvent) -> None:
        self._events.put_nowait(event)

    def caller_hangs_up(self) -> None:
        self._events.put_nowait(None)

    def hear_frame(self, frame: bytes) -> None:
        self._frames.put_nowait(frame)

    @property
    def said(self) -> list[str]:
        return [playback.speech.text for playback in self.playbacks]

    def recorded(self, kind: str) -> list[Facts]:
        return [facts for name, facts in self.records if name == kind]

    # Line ---------------------------------------------------------------------------------------

    @property
    def is_playing(self) -> bool:
        return bool(self._waiting)

    @property
    def is_paused(self) -> bool:
        return self._is_paused

    @property
    def position(self) -> int:
        return round((self._now_s() - self._begins_s) * RATE_HZ)

    async def events(self) -> AsyncIterator[LineEvent]:
        while (event := await self._events.get()) is not None:
            yield event

    def read(self, start: int, stop: int) -> bytes:
        if stop > self.position or start < self.position - KEPT_S * RATE_HZ or start < 0:
            raise AudioGone(f"[{start}, {stop}) is not kept at {self.position}")
        pcm = np.zeros(max(0, stop - start), np.int16)
        for number, (begin, end) in enumerate(self.spoken, 1):
            pcm[max(0, begin - start) : max(0, end - start)] = number
        return pcm.tobytes()

    def say(self, speech: Speech) -> int:
        playback = Playback(len(self.playbacks) + 1, speech, speech.duration_ms, self._now_s())
        self.playbacks.append(playback)
        self._waiting.append(playback)
        if len(self._waiting) == 1 and not self._is_paused:
            self._play_next()
        return playback.playback_id

    def _play_next(self) -> None:
        if not self._waiting:
            return
        playback = self._waiting[0]
        self._resumed_s = self._now_s()
        if playback.started_at_s is None:
            playback.started_at_s = self._now_s()
            self.emit(PlaybackStarted(self._now_s(), playback.playback_id))
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(playback.left_ms / 1000, self._finish, False)

    def _finish(self, interrupted: bool) -> None:
        playback = self._waiting.pop(0)
        playback.interrupted = interrupted
        playback.ended_at_s = self._now_s()
        playback.heard = self._heard(playback) if interrupted else playback.speech.text
        ended = PlaybackEnded(self._now_s(), playback.playback_id, playback.heard, interrupted)
        self.emit(ended)
        if not interrupted:
            self._play_next()

    def _heard(self, playback: Playback) -> str:
        played_ms = playback.speech.duration_ms - playback.left_ms
        words = playback.speech.text.split()
        share = played_ms / playback.speech.duration_ms if playback.speech.pcm else 0.0
        return " ".join(words[: int(len(words) * share)])

    def _stop_clock(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting and not self._is_paused:
            self._waiting[0].left_ms -= (self._now_s() - self._resumed_s) * 1000

    def pause(self) -> None:
        if not self._is_paused:
            self._stop_clock()
            self._is_paused = True

    def resume(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self._play_next()

    def interrupt(self, reason: str) -> None:
        self._stop_clock()
        self._is_paused = False
        self.interrupts.append((self._now_s(), reason))
        while self._waiting:
            self._finish(True)

    def hearing(self, text: str) -> None:
        self.shown.append(text)

    def heard_user(self, text: str, facts: Mapping[str, float | str | int]) -> None:
        self.users.append((text, dict(facts)))

    def record(self, kind: str, facts: Mapping[str, float | str | int]) -> None:
        self.records.append((kind, dict(facts)))

    def send_dtmf(self, digits: str) -> None:
        raise AssertionError(f"no agent presses keys yet: {digits}")

    def listen_frames(self, enabled: bool) -> None:
        self.listens_to_frames = enabled

    async def frames(self) -> AsyncIterator[bytes]:
        while self.listens_to_frames:
            yield await self._frames.get()

    def play_frame(self, pcm: bytes) -> None:
        self.frames_played.append(pcm)

    def hang_up(self, cause: HangupCause, *, after_playout: bool = True) -> None:
        if self.hung_up is None:
            self.hung_up = (cause, after_playout)
            self.hung_up_at_s = self._now_s()


_: type[Line] = FakeLine
