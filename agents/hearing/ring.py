"""The last half minute of every caller, in one matrix."""

import numpy as np
import numpy.typing as npt

from gateway.media.hearing import AudioGone
from gateway.model.frame import FRAME_MS, FRAME_SAMPLES

RING_S = 28
_SLOTS = RING_S * 1000 // FRAME_MS

Ears = npt.NDArray[np.int32]
Pcm = npt.NDArray[np.int16]


class Rings:
    """A ring buffer of `RING_S` seconds for each ear number.

    One allocation for all: the system gives a page its memory when it is first written, so an ear that
    was never used costs nothing, and one that was costs 0.9 MB for good.
    """

    def __init__(self, ears: int) -> None:
        self._frames = np.zeros((ears, _SLOTS, FRAME_SAMPLES), dtype=np.int16)
        self._count = np.zeros(ears, dtype=np.int64)
        """Frames ever written, by ear."""

    def reset(self, ear: int) -> None:
        """Begin at position 0."""
        self._count[ear] = 0

    def append(self, ears: Ears, pcm: Pcm) -> None:
        """Append a frame, `pcm[i]` to ear `ears[i]`; shapes (n,) and (n, 320)."""
        self._frames[ears, self._count[ears] % _SLOTS] = pcm
        self._count[ears] += 1

    def position(self, ear: int) -> int:
        """Samples written so far."""
        return int(self._count[ear]) * FRAME_SAMPLES

    def read(self, ear: int, start: int, stop: int) -> bytes:
        """Return samples `[start, stop)`. Raises `AudioGone` if not all are there."""
        end = self.position(ear)
        oldest = max(0, end - (_SLOTS - 1) * FRAME_SAMPLES)
        if not oldest <= start <= stop <= end:
            raise AudioGone(f"audio {start}..{stop} is not within {oldest}..{end}")
        first, last = start // FRAME_SAMPLES, -(-stop // FRAME_SAMPLES)
        frames = self._frames[ear, np.arange(first, last) % _SLOTS].reshape(-1)
        skip = start - first * FRAME_SAMPLES
        data: bytes = frames[skip : skip + stop - start].tobytes()
        return data
