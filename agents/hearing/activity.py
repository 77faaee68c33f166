"""From probabilities to speech that starts and stops, for many ears at once, without loops.

Speech starts when `START_CHUNKS` chunks in a row are at least `START_P`; it stops when all chunks of the
hang-over are below `STOP_P`. The reported stop is where the voice ended, before the hang-over: how
long a pause ends a turn is for others to decide.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agents.hearing.vad_model import CHUNK
from gateway.model.frame import SAMPLES_PER_MS

START_P = 0.5
START_CHUNKS = 3
STOP_P = 0.35
HANG_OVER_MS = 128
LEAD_IN_MS = 200

CHUNK_SAMPLES = 2 * CHUNK
"""Samples of one chunk at the gateway's 16 kHz."""


@dataclass(frozen=True, slots=True)
class Change:
    """Speech of one ear began (`stop` is None) or ended."""

    ear: int
    start: int
    stop: int | None


class Activity:
    """Speech or silence of every ear. Used by one thread only, but `speaking` may be read by others."""

    def __init__(self, ears: int) -> None:
        self.speaking = np.zeros(ears, dtype=np.bool_)
        self._run = np.zeros(ears, dtype=np.int32)
        self._start = np.zeros(ears, dtype=np.int64)
        self._voiced = np.zeros(ears, dtype=np.int64)
        """Position after the last chunk that was not silent."""

    def reset(self, ears: npt.NDArray[np.int32]) -> None:
        """Begin in silence."""
        self.speaking[ears] = False
        self._run[ears] = 0
        self._start[ears] = 0
        self._voiced[ears] = 0

    def update(
        self,
        ears: npt.NDArray[np.int32],
        ends: npt.NDArray[np.int64],
        probabilities: npt.NDArray[np.float32],
    ) -> list[Change]:
        """Take one chunk of each ear that ends at position `ends[i]`; returns what changed."""
        run = np.where(probabilities >= START_P, self._run[ears] + 1, 0)
        self._run[ears] = run
        was = self.speaking[ears]
        begins = ~was & (run >= START_CHUNKS)
        voiced = np.where(begins | (probabilities >= STOP_P), ends, self._voiced[ears])
        self._voiced[ears] = voiced
        finishes = was & (ends - voiced >= HANG_OVER_MS * SAMPLES_PER_MS)
        changes: list[Change] = []
        if begins.any():
            rows = ears[begins]
            lead = START_CHUNKS * CHUNK_SAMPLES + LEAD_IN_MS * SAMPLES_PER_MS
            starts = np.maximum(ends[begins] - lead, 0)
            self.speaking[rows] = True
            self._start[rows] = starts
            changes += [
                Change(int(ear), int(start), None) for ear, start in zip(rows, starts, strict=True)
            ]
        if finishes.any():
            changes += self.finish(ears[finishes])
        return changes

    def finish(self, ears: npt.NDArray[np.int32]) -> list[Change]:
        """End the speech of those of `ears` that speak (no more audio comes from them)."""
        rows = ears[self.speaking[ears]]
        self.speaking[rows] = False
        self._run[rows] = 0
        return [Change(int(ear), int(self._start[ear]), int(self._voiced[ear])) for ear in rows]
