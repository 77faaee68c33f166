"""Keeps the last 30 s of every caller's audio, in one matrix that uses memory only where there is sound.

The matrix is one private mapping for all ears. The kernel gives it a page (4 kB, 128 ms of audio) when
it is first written, so a call of 5 s costs 160 kB and an unused row nothing; clearing a row gives its
pages back, which also means that what a caller said is gone with the call.
"""

import math
import mmap

import numpy as np
import numpy.typing as npt

from gateway.media.hearing import AudioGone
from gateway.model.frame import FRAME_BYTES, FRAME_MS, FRAME_SAMPLES

Numbers = npt.NDArray[np.int32]

_LEAST_S = 30
_STEP = mmap.PAGESIZE // math.gcd(mmap.PAGESIZE, FRAME_BYTES)
"""Rows are a multiple of so many frames, so that each begins on a page of its own."""

RING_SLOTS = math.ceil(_LEAST_S * 1000 / FRAME_MS / _STEP) * _STEP
"""Frames a row holds: 30 s or slightly more."""

RING_SAMPLES = RING_SLOTS * FRAME_SAMPLES
"""Samples a row holds; 963 kB where pages have 4 kB."""


class RingMatrix:
    """One ring buffer per row. One thread writes; others may read what is not being replaced."""

    def __init__(self, rows: int) -> None:
        self._row_bytes = RING_SLOTS * FRAME_BYTES
        self._memory = mmap.mmap(-1, rows * self._row_bytes, mmap.MAP_PRIVATE)
        # A huge page would make the neighbours of a short call resident as well.
        self._memory.madvise(mmap.MADV_NOHUGEPAGE)
        flat = np.frombuffer(self._memory, dtype=np.int16)
        self._frames = flat.reshape(rows, RING_SLOTS, FRAME_SAMPLES)
        self._samples = flat.reshape(rows, RING_SAMPLES)
        self._count = np.zeros(rows, dtype=np.int64)
        """Frames ever added, by row."""

    @property
    def rows(self) -> int:
        return len(self._count)

    def append(self, rows: Numbers, pcm: npt.NDArray[np.int16]) -> npt.NDArray[np.int64]:
        """Add one frame (`pcm` has shape (n, 320)) to each of `rows`, which must be distinct.

        Returns the position after the new frame of each row.
        """
        count = self._count[rows]
        self._frames[rows, count % RING_SLOTS] = pcm
        count += 1
        self._count[rows] = count
        count *= FRAME_SAMPLES
        return count

    def position(self, row: int) -> int:
        """Return how many samples were ever added to `row`."""
        return int(self._count[row]) * FRAME_SAMPLES

    def read(self, row: int, start: int, stop: int) -> bytes:
        """Return PCM16 of positions `[start, stop)`; raises `AudioGone` unless all of it is there."""
        end = self.position(row)
        oldest = max(0, end - RING_SAMPLES)
        if not oldest <= start <= stop <= end:
            raise AudioGone(f"[{start}, {stop}) asked for, [{oldest}, {end}) is kept")
        ring = self._samples[row]
        first, length = start % RING_SAMPLES, stop - start
        head = ring[first : first + length]
        data: bytes = head.tobytes() + ring[: length - len(head)].tobytes()
        return data

    def gather(
        self, rows: Numbers, index: npt.NDArray[np.int64], samples: int
    ) -> npt.NDArray[np.int16]:
        """Return a copy of block number `index` of each row, blocks being `samples` long.

        `samples` must divide `RING_SAMPLES`. What is older than the ring is not noticed here.
        """
        blocks = self._samples.reshape(self.rows, -1, samples)
        copied: npt.NDArray[np.int16] = blocks[rows, index % blocks.shape[1]]
        return copied

    def clear(self, row: int) -> None:
        """Forget everything about `row` and give its memory back."""
        self._count[row] = 0
        self._memory.madvise(mmap.MADV_DONTNEED, row * self._row_bytes, self._row_bytes)
