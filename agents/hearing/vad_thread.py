"""The one thread in which voice activity of all callers is computed, fed through a bounded queue.

Everything that has to do with one caller over time (filter, model state, thresholds) is owned by this
thread, so nothing of it needs a lock. Work carries the generation of its row: the first work of a new
owner resets the row, and results are handed on with the generation so that the hub can tell for whom
they were.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agents.hearing.activity import CHUNK_SAMPLES, Activity, Started, Stopped
from agents.hearing.ring import RingMatrix
from agents.hearing.vad_model import SpeechScorer
from gateway.media.hearing import SpeechEvent, SpeechStarted, SpeechStopped
from gateway.media.resample import Decimator

log = logging.getLogger(__name__)

QUEUE_LIMIT = 25
"""Most batches that wait: half a second of one endpoint's ticks. Then the oldest chunks are dropped."""

Numbers = npt.NDArray[np.int32]
Generations = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ChunksHeard:
    """Chunk number `chunks` of each row is complete in the ring. Parallel arrays, rows distinct."""

    rows: Numbers
    generations: Generations
    chunks: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class NothingHeard:
    """No audio has come from `rows` for a while, and they are to count as silent."""

    rows: Numbers
    generations: Generations


@dataclass(frozen=True, slots=True)
class Change:
    """Speech started or stopped in a row, for the owner of that generation."""

    row: int
    generation: int
    event: SpeechEvent


@dataclass(slots=True)
class VadFigures:
    """What the thread has done; written by it alone (`dropped` by the one who posts)."""

    batches: int = 0
    chunks: int = 0
    dropped: int = 0
    """Chunks not looked at because the thread could not keep up."""
    failed: int = 0
    """Batches lost to an error of the model."""
    busy_s: float = 0.0
    """Wall time spent on batches."""


class VadThread:
    """Turns complete chunks into changes between speech and silence."""

    def __init__(
        self,
        ring: RingMatrix,
        scorer: SpeechScorer,
        deliver: Callable[[list[Change]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`deliver` is called on the thread, once per batch that changed something."""
        self.figures = VadFigures()
        self._ring = ring
        self._scorer = scorer
        self._deliver = deliver
        self._clock = clock
        self._decimator = Decimator(ring.rows)
        self._activity = Activity(ring.rows)
        self._owner = np.full(ring.rows, -1, dtype=np.int64)
        self._work: deque[ChunksHeard | NothingHeard] = deque()
        self._wake = threading.Condition()
        self._is_stopping = False
        self._is_working = False
        self._thread = threading.Thread(target=self._run, name="voice-activity", daemon=True)

    def start(self) -> None:
        """Begin to work; may be called once."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs; it ends only by `stop`."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Stop after the batch at hand and wait for it; what is queued is forgotten."""
        with self._wake:
            self._is_stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()

    def post(self, work: ChunksHeard | NothingHeard) -> None:
        """Queue work; never waits. When full the oldest chunks are dropped and counted."""
        with self._wake:
            if len(self._work) >= QUEUE_LIMIT:
                self._drop_oldest_chunks()
            self._work.append(work)
            self._wake.notify()

    @property
    def is_idle(self) -> bool:
        """Whether everything posted so far is done and delivered."""
        with self._wake:
            return not self._work and not self._is_working

    def _drop_oldest_chunks(self) -> None:
        for index, work in enumerate(self._work):
            if isinstance(work, ChunksHeard):
                del self._work[index]
                self.figures.dropped += len(work.rows)
                return

    def _run(self) -> None:
        while True:
            with self._wake:
                self._is_working = False
                while not self._work and not self._is_stopping:
                    self._wake.wait()
                if self._is_stopping:
                    return
                work = self._work.popleft()
                self._is_working = True
            self.process(work)

    def process(self, work: ChunksHeard | NothingHeard) -> None:
        """Do one piece of work. For the thread, and for tests that do without it."""
        begun_s = time.perf_counter()
        try:
            match work:
                case ChunksHeard():
                    changes = self._listen(work)
                case NothingHeard():
                    changes = self._fall_silent(work)
            if changes:
                self._deliver(changes)
        except Exception:
            # One bad batch must not make every call deaf for good.
            self.figures.failed += 1
            log.exception("voice activity failed for a batch")
        self.figures.batches += 1
        self.figures.busy_s += time.perf_counter() - begun_s

    def _adopt(self, rows: Numbers, generations: Generations) -> None:
        """Reset the rows that have a new owner."""
        fresh = self._owner[rows] != generations
        if fresh.any():
            new = rows[fresh]
            self._owner[new] = generations[fresh]
            self._activity.reset(new)
            self._decimator.reset(new)
            self._scorer.reset(new)

    def _listen(self, work: ChunksHeard) -> list[Change]:
        self._adopt(work.rows, work.generations)
        wide = self._ring.gather(work.rows, work.chunks, CHUNK_SAMPLES)
        narrow = self._decimator.decimate(work.rows, wide)
        probability = self._scorer.score(work.rows, narrow)
        self.figures.chunks += len(work.rows)
        started, stopped = self._activity.update(work.rows, work.chunks, probability)
        if started is None and stopped is None:
            return []
        return self._changes(started, stopped)

    def _fall_silent(self, work: NothingHeard) -> list[Change]:
        self._adopt(work.rows, work.generations)
        stopped = self._activity.end(work.rows)
        self._decimator.reset(work.rows)
        self._scorer.reset(work.rows)
        return self._changes(None, stopped)

    def _changes(self, started: Started | None, stopped: Stopped | None) -> list[Change]:
        now_s = self._clock()
        changes: list[Change] = []
        if stopped is not None:
            for row, start, stop in zip(
                stopped.rows.tolist(), stopped.starts.tolist(), stopped.stops.tolist(), strict=True
            ):
                event = SpeechStopped(at_s=now_s, start=start, stop=stop)
                changes.append(Change(row, int(self._owner[row]), event))
        if started is not None:
            for row, start in zip(started.rows.tolist(), started.starts.tolist(), strict=True):
                changes.append(
                    Change(row, int(self._owner[row]), SpeechStarted(at_s=now_s, start=start))
                )
        return changes
