"""Hears all callers: keeps their last 30 s and tells, per caller, when speech starts and stops.

The event loop does little: one copy of a tick into the ring matrix, and one note for the voice activity
thread of which rows have a complete chunk. Python code per caller runs only when something changes.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agents.hearing.activity import CHUNK_SAMPLES
from agents.hearing.ear import HubEar
from agents.hearing.ring import RingMatrix
from agents.hearing.vad_model import SileroVad, SpeechScorer
from agents.hearing.vad_thread import Change, ChunksHeard, NothingHeard, VadThread
from gateway.errors import HearingFull
from gateway.media.hearing import Ear
from gateway.media.tick import AudioTick
from gateway.model.frame import FRAME_SAMPLES

EARS_LIMIT = 512
"""Ears of one hub; a row that is not used costs no memory."""

QUIET_S = 0.5
"""Without audio for so long (hold, muted, network gone) ongoing speech is ended."""
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class HearingStatistics:
    """Counters since the hub was made."""

    ears: int
    """Open now."""
    ticks: int
    frames: int
    strangers: int
    """Frames for numbers that were not open, as happens just after a call ends."""
    tick_s: float
    """Wall time spent in `on_tick`."""
    chunks: int
    dropped_chunks: int
    failed_batches: int
    vad_s: float
    """Wall time spent by the voice activity thread."""


class HearingHub:
    """Implements `gateway.media.hearing.Hearing`. Event loop only, but for the thread it owns."""

    def __init__(
        self,
        model: Path,
        limit: int = EARS_LIMIT,
        *,
        load: Callable[[Path, int], SpeechScorer] = SileroVad,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make room for `limit` ears; `start` loads `model`, the ONNX file of Silero VAD."""
        self._model = model
        self._load = load
        self._clock = clock
        self._ring = RingMatrix(limit)
        self._ears: list[HubEar | None] = [None] * limit
        # The number that was free for longest is taken first: frames still under way find it closed.
        self._free = deque(range(limit))
        self._is_open = np.zeros(limit, dtype=np.bool_)
        self._generation = np.zeros(limit, dtype=np.int64)
        self._heard_s = np.zeros(limit)
        self._is_quiet = np.ones(limit, dtype=np.bool_)
        self._wants_frames = np.zeros(limit, dtype=np.bool_)
        self._frame_listeners = 0
        self._vad: VadThread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ticks = self._frames = self._strangers = 0
        self._tick_s = 0.0

    # Life ---------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Load the model and begin to tell speech from silence; raises what loading raises."""
        scorer = await asyncio.to_thread(self._load, self._model, self._ring.rows)
        self._loop = asyncio.get_running_loop()
        self._vad = VadThread(self._ring, scorer, self._hand_over, self._clock)
        self._vad.start()
        self._timer = self._loop.call_later(_LOOK_S, self._look_for_quiet)

    async def stop(self) -> None:
        """Stop telling speech from silence; ears stay readable. May be called twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._vad is not None:
            vad, self._loop = self._vad, None
            await asyncio.to_thread(vad.stop)

    def open(self) -> Ear:
        """Open an ear; raises `HearingFull` when all numbers are taken."""
        if not self._free:
            raise HearingFull(f"all {len(self._ears)} ears are taken")
        number = self._free.popleft()
        ear = HubEar(number, self._ring, self._want_frames, self._release)
        self._ears[number] = ear
        self._generation[number] += 1
        self._is_quiet[number] = True
        self._is_open[number] = True
        return ear

    def _release(self, number: int) -> None:
        self._is_open[number] = False
        self._ears[number] = None
        self._ring.clear(number)
        self._free.append(number)

    def _want_frames(self, number: int, wanted: bool) -> None:
        self._frame_listeners += int(wanted) - int(self._wants_frames[number])
        self._wants_frames[number] = wanted

    # Audio --------------------------------------------------------------------------------------

    def on_tick(self, tick: AudioTick) -> None:
        """Take one frame from each caller of an endpoint; copies what it keeps."""
        begun_s = time.perf_counter()
        ears, pcm = tick.ears, tick.pcm
        known = (ears >= 0) & (ears < len(self._ears))
        known &= self._is_open[np.where(known, ears, 0)]
        if not known.all():
            self._strangers += int(len(ears) - np.count_nonzero(known))
            ears, pcm = ears[known], pcm[known]
        ends = self._ring.append(ears, pcm)
        self._heard_s[ears] = self._clock()
        self._is_quiet[ears] = False
        # A frame is shorter than a chunk, so it completes at most one.
        due = ends % CHUNK_SAMPLES < FRAME_SAMPLES
        rows = ears[due]
        if len(rows) and self._loop is not None and self._vad is not None:
            chunks = ends[due] // CHUNK_SAMPLES - 1
            self._vad.post(ChunksHeard(rows, self._generation[rows], chunks))
        if self._frame_listeners:
            for index in np.flatnonzero(self._wants_frames[ears]).tolist():
                ear = self._ears[int(ears[index])]
                # A listener before it in this loop may have closed the ear.
                if ear is not None:
                    ear.on_frame(pcm[index].tobytes(), int(ends[index]) - FRAME_SAMPLES)
        self._ticks += 1
        self._frames += len(ears)
        self._tick_s += time.perf_counter() - begun_s

    def _look_for_quiet(self) -> None:
        if self._loop is None or self._vad is None:
            return
        silent = self._is_open & ~self._is_quiet & (self._heard_s < self._clock() - QUIET_S)
        rows = np.flatnonzero(silent).astype(np.int32)
        if len(rows):
            self._is_quiet[rows] = True
            self._vad.post(NothingHeard(rows, self._generation[rows]))
        self._timer = self._loop.call_later(_LOOK_S, self._look_for_quiet)

    # Changes ------------------------------------------------------------------------------------

    def _hand_over(self, changes: list[Change]) -> None:
        """Take changes from the thread to the loop; on the thread."""
        loop = self._loop
        if loop is not None:
            loop.call_soon_threadsafe(self._deliver, changes)

    def _deliver(self, changes: list[Change]) -> None:
        for change in changes:
            ear = self._ears[change.row]
            # The ear may have been closed, or opened for somebody else, since.
            if ear is not None and self._generation[change.row] == change.generation:
                ear.on_change(change.event)

    @property
    def is_running(self) -> bool:
        """Whether voice activity is being computed."""
        return self._vad is not None and self._vad.is_alive

    def statistics(self) -> HearingStatistics:
        """Return the counters as they are now."""
        figures = self._vad.figures if self._vad is not None else None
        return HearingStatistics(
            ears=len(self._ears) - len(self._free),
            ticks=self._ticks,
            frames=self._frames,
            strangers=self._strangers,
            tick_s=self._tick_s,
            chunks=figures.chunks if figures else 0,
            dropped_chunks=figures.dropped if figures else 0,
            failed_batches=figures.failed if figures else 0,
            vad_s=figures.busy_s if figures else 0.0,
        )
