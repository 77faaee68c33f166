"""Decides from the model's probabilities when speech starts and stops, for all ears at once.

Speech starts with three chunks (96 ms) that are probably speech and stops with four in a row (128 ms)
that are not; what lies between the two thresholds prolongs speech but cannot start it. The three need
not be in a row: within a word ("ex-cuse") there are silences of one or two chunks, and two of these
take away what one voiced chunk has added. The hang-over is short because turn taking has its own
timers, which run from the last voiced sample.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gateway.model.frame import RATE_HZ

CHUNK_SAMPLES = RATE_HZ * 32 // 1000
"""Samples of one chunk of 32 ms, in positions (16 kHz)."""

START_PROBABILITY = 0.5
STOP_PROBABILITY = 0.35
START_CHUNKS = 3
STOP_CHUNKS = 4
LEAD_IN_SAMPLES = RATE_HZ // 5
"""Put before the first voiced chunk: word beginnings are softer than the model notices."""

Numbers = npt.NDArray[np.int32]
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Started:
    """Speech began: parallel arrays."""

    rows: Numbers
    starts: Positions


@dataclass(frozen=True, slots=True)
class Stopped:
    """Speech ended: parallel arrays."""

    rows: Numbers
    starts: Positions
    stops: Positions
    """After the last voiced chunk."""


class Activity:
    """Speech or silence of each row. Positions are samples at 16 kHz; the rows of a call are distinct."""

    def __init__(self, rows: int) -> None:
        self._is_speech = np.zeros(rows, dtype=np.bool_)
        self._run = np.zeros(rows, dtype=np.int32)
        """In speech: unvoiced chunks in a row. In silence: two for a voiced chunk less unvoiced ones."""
        self._first = np.zeros(rows, dtype=np.int64)
        """Chunk number of the first voiced chunk that speaks for a start."""
        self._start = np.zeros(rows, dtype=np.int64)
        self._stop = np.zeros(rows, dtype=np.int64)
        """Position after the last voiced chunk; while silent, where the last speech stopped."""

    def reset(self, rows: Numbers) -> None:
        """Forget everything about `rows`, which then begin in silence at position 0."""
        for array in (self._is_speech, self._run, self._first, self._start, self._stop):
            array[rows] = 0

    def update(
        self, rows: Numbers, chunks: Positions, probability: npt.NDArray[np.float32]
    ) -> tuple[Started | None, Stopped | None]:
        """Take the probability of chunk number `chunks` of each row; returns only what changed.

        Chunk numbers of a row must rise; chunks left out count neither as speech nor as silence.
        """
        was_speech = self._is_speech[rows]
        continues = np.where(
            was_speech, probability < STOP_PROBABILITY, probability >= START_PROBABILITY
        )
        run = self._run[rows]
        begins = continues & (run == 0) & ~was_speech
        self._first[rows[begins]] = chunks[begins]
        voiced = was_speech & ~continues
        self._stop[rows[voiced]] = (chunks[voiced] + 1) * CHUNK_SAMPLES
        run = np.where(
            was_speech,
            np.where(continues, run + 1, 0),
            np.where(continues, run + 2, np.maximum(run - 1, 0)),
        )
        changes = run >= np.where(was_speech, STOP_CHUNKS, 2 * START_CHUNKS)
        self._run[rows] = run
        if not changes.any():
            return None, None
        self._run[rows[changes]] = 0
        starts, stops = changes & ~was_speech, changes & was_speech
        return (
            self._begin(rows[starts], chunks[starts]) if starts.any() else None,
            self._end(rows[stops]) if stops.any() else None,
        )

    def end(self, rows: Numbers) -> Stopped | None:
        """Take it that `rows` fell silent, because nothing more is heard of them."""
        self._run[rows] = 0
        speaking = rows[self._is_speech[rows]]
        return self._end(speaking) if len(speaking) else None

    def _begin(self, rows: Numbers, chunks: Positions) -> Started:
        lead_in = self._first[rows] * CHUNK_SAMPLES - LEAD_IN_SAMPLES
        # Not before the last speech stopped: stretches must not overlap, they are recognised one by one.
        self._start[rows] = np.maximum(lead_in, self._stop[rows])
        self._stop[rows] = (chunks + 1) * CHUNK_SAMPLES
        self._is_speech[rows] = True
        return Started(rows, self._start[rows])

    def _end(self, rows: Numbers) -> Stopped:
        self._is_speech[rows] = False
        return Stopped(rows, self._start[rows], self._stop[rows])
