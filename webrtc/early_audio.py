"""Joins what was said before the connection with the live audio behind it, in order; pure.

The page announces early audio with its offer, sends it over the data channel and says with `early_end`
where it stops; its microphone is silent until then. Live frames wait in line behind the early ones, and
the backlog is handed on faster than real time until it is used up.
"""

import struct
from collections import deque
from enum import StrEnum

from gateway.model.frame import FRAME_BYTES, FRAME_MS

TOTAL_LIMIT_MS = 15_000
MESSAGE_LIMIT_MS = 200
FRAMES_PER_TICK = 4
"""Of the backlog, so that hearing is not flooded."""
END_BOUND_S = 6.0
"""Live audio waits so long for `early_end` after the transport is up, then it goes on without."""
_LIVE_LIMIT_FRAMES = 750
"""Live frames that wait (15 s); when full the oldest goes."""
_SILENT_PEAK = 32
"""Digital silence after a codec; a microphone that is open has more."""
_HEADER = struct.Struct("<BI")
_TYPE = 0x01


class Joining(StrEnum):
    """Where the joining is."""

    WAITING = "waiting"
    """More early audio may come."""
    CATCHING_UP = "catching_up"
    """All early audio is there; the backlog is handed on."""
    LIVE = "live"


class EarlyAudio:
    """The caller's frames of one call on their way to the gateway."""

    def __init__(self, *, is_announced: bool) -> None:
        self._state = Joining.WAITING if is_announced else Joining.LIVE
        self._early: deque[bytes] = deque()
        self._live: deque[bytes] = deque()
        self._received_ms = 0
        self._until_s: float | None = None
        self.dropped_frames = 0

    @property
    def state(self) -> Joining:
        return self._state

    @property
    def backlog_frames(self) -> int:
        return len(self._early) + len(self._live)

    def connected(self, now_s: float) -> None:
        """The transport is up: from here on the end of early audio is waited for."""
        if self._until_s is None:
            self._until_s = now_s + END_BOUND_S

    def message(self, data: bytes) -> bool:
        """Take a binary message; False if it is none of ours, or comes when none may."""
        pcm = memoryview(data)[_HEADER.size :]
        if len(data) < _HEADER.size or data[0] != _TYPE or not pcm or len(pcm) % FRAME_BYTES:
            return False
        ms = len(pcm) // FRAME_BYTES * FRAME_MS
        if ms > MESSAGE_LIMIT_MS or self._state is not Joining.WAITING:
            return False
        if self._received_ms + ms > TOTAL_LIMIT_MS:
            self.dropped_frames += ms // FRAME_MS
            return False
        self._received_ms += ms
        for start in range(0, len(pcm), FRAME_BYTES):
            self._early.append(bytes(pcm[start : start + FRAME_BYTES]))
        return True

    def end(self) -> None:
        """All early audio was sent."""
        if self._state is Joining.WAITING:
            self._state = Joining.CATCHING_UP

    def tick(self, live: bytes | None, now_s: float) -> list[bytes]:
        """Take this tick's live frame (None: there is none) and return the frames to hand on."""
        if self._state is Joining.LIVE:
            return [] if live is None else [live]
        if live is not None and not self._is_before_speech(live):
            self._live.append(live)
            if len(self._live) > _LIVE_LIMIT_FRAMES:
                self._live.popleft()
                self.dropped_frames += 1
        if self._state is Joining.WAITING and self._until_s is not None and now_s >= self._until_s:
            self.end()
        source = self._early
        frames: list[bytes] = []
        while len(frames) < FRAMES_PER_TICK:
            if not source:
                if source is self._live or self._state is Joining.WAITING:
                    break
                source = self._live
                continue
            frames.append(source.popleft())
        if self._state is Joining.CATCHING_UP and not self.backlog_frames:
            self._state = Joining.LIVE
        return frames

    def _is_before_speech(self, live: bytes) -> bool:
        """Whether a live frame is the silence of a microphone that early audio stands in for."""
        if self._live or self._state is not Joining.WAITING:
            return False
        samples = memoryview(live).cast("h")
        return max(samples) < _SILENT_PEAK and min(samples) > -_SILENT_PEAK
