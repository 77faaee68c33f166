"""Tells how loud a leg's playout is now, from what was queued and the clock; good to a frame or two."""

from collections import deque

import numpy as np

from gateway.model.endpoint import PLAYOUT_LIMIT_MS
from gateway.model.frame import FRAME_BYTES, FRAME_MS

FRAMES_MOST = PLAYOUT_LIMIT_MS // FRAME_MS
"""As many as the leg itself holds; more are dropped there, too."""
_FRAME_S = FRAME_MS / 1000


class Playing:
    """A leg's playout queue as loudness only; sans-I/O. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._peaks: deque[int] = deque()
        self._at_s: float | None = None
        """How far it was looked at; None until somebody can hear us."""

    @property
    def is_playing(self) -> bool:
        """Whether something was queued that had not been played when it was last looked at."""
        return self._at_s is not None and bool(self._peaks)

    def media_up(self, at_s: float) -> None:
        """The far end can hear us: what is queued begins to play."""
        if self._at_s is None:
            self._at_s = at_s

    def play(self, pcm: bytes) -> None:
        """Audio (PCM16) was queued."""
        room = FRAMES_MOST - len(self._peaks)
        self._peaks.extend(frame_peaks(pcm)[: max(0, room)])

    def clear(self) -> None:
        """What has not been played will not be."""
        self._peaks.clear()

    def take(self, now_s: float) -> int:
        """Return the largest sample that was played since it was last asked."""
        if self._at_s is None:
            return 0
        loudest = 0
        while self._peaks and self._at_s + _FRAME_S <= now_s:
            loudest = max(loudest, self._peaks.popleft())
            self._at_s += _FRAME_S
        if not self._peaks:
            self._at_s = max(self._at_s, now_s)
        return loudest


def frame_peaks(pcm: bytes) -> list[int]:
    """Return the size of the largest sample of each 20 ms of PCM16, the last of which may be shorter."""
    padded = pcm + bytes(-len(pcm) % FRAME_BYTES)
    frames = np.frombuffer(padded, dtype="<i2").reshape(-1, FRAME_BYTES // 2)
    # By both ends: the smallest 16-bit number has no positive of its own.
    return [int(n) for n in np.maximum(frames.max(axis=1), -frames.min(axis=1).astype(np.int32))]
