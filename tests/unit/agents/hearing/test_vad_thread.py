"""The voice activity thread: changes, owners, a full queue, a broken model."""

import numpy as np

from agents.hearing.activity import CHUNK_SAMPLES
from agents.hearing.ring import RingMatrix
from agents.hearing.vad_thread import QUEUE_LIMIT, ChunksHeard, NothingHeard, VadThread
from gateway.media.hearing import SpeechStarted, SpeechStopped
from tests.support.hearing import LoudIsSpeech, tick


class Rig:
    """Feeds the work of the thread without the thread."""

    def __init__(self, rows=4):
        self.ring = RingMatrix(rows)
        self.scorer = LoudIsSpeech()
        self.changes = []
        self.now = 100.0
        self.vad = VadThread(self.ring, self.scorer, self.changes.extend, lambda: self.now)

    def hear(self, rows, level, chunks, generation=1):
        for _ in range(chunks):
            self.chunk = getattr(self, "chunk", -1) + 1
            while min(self.ring.position(row) for row in rows) < (self.chunk + 1) * CHUNK_SAMPLES:
                one = tick(rows, level)
                self.ring.append(one.ears, one.pcm)
            self.vad.process(self.work(rows, self.chunk, generation))

    def work(self, rows, chunk, generation=1):
        numbers = np.array(rows, dtype=np.int32)
        generations = np.full(len(rows), generation, dtype=np.int64)
        return ChunksHeard(numbers, generations, np.full(len(rows), chunk, dtype=np.int64))


def test_loud_chunks_become_a_start_and_silence_a_stop():
    rig = Rig()

    rig.hear([0, 2], 0, 10)
    rig.hear([0, 2], 20_000, 10)
    rig.hear([0, 2], 0, 10)

    started = SpeechStarted(at_s=100.0, start=10 * CHUNK_SAMPLES - 3200)
    assert [(c.row, c.event) for c in rig.changes[:2]] == [(0, started), (2, started)]
    stopped = [c.event for c in rig.changes[2:]]
    assert len(stopped) == 2
    assert all(isinstance(event, SpeechStopped) for event in stopped)
    # The last loud frame ends within a chunk, and the filter rings a little into the next one.
    assert 20 * CHUNK_SAMPLES <= stopped[0].stop <= 22 * CHUNK_SAMPLES


def test_a_row_is_reset_for_each_new_owner_and_only_then():
    rig = Rig()

    rig.hear([0, 1], 20_000, 5, generation=1)
    rig.hear([0], 20_000, 5, generation=2)

    assert rig.scorer.resets == [[0, 1], [0]]
    assert [(c.row, c.generation) for c in rig.changes] == [(0, 1), (1, 1), (0, 2)]


def test_nothing_heard_ends_speech_and_forgets_the_model_state():
    rig = Rig()
    rig.hear([1, 3], 20_000, 6)
    rig.changes.clear()

    rig.vad.process(NothingHeard(np.array([3], dtype=np.int32), np.array([1])))

    assert [(c.row, type(c.event)) for c in rig.changes] == [(3, SpeechStopped)]
    assert rig.changes[0].event.stop == 6 * CHUNK_SAMPLES
    assert rig.scorer.resets[-1] == [3]


def test_a_full_queue_drops_the_oldest_chunks_but_no_order_to_fall_silent():
    rig = Rig()
    rig.vad.post(NothingHeard(np.array([0], dtype=np.int32), np.array([1])))
    for chunk in range(QUEUE_LIMIT + 4):
        rig.vad.post(rig.work([1, 2], chunk))

    assert rig.vad.figures.dropped == 2 * 5
    assert len(rig.vad._work) == QUEUE_LIMIT
    assert isinstance(rig.vad._work[0], NothingHeard)
    assert rig.vad._work[1].chunks.tolist() == [5, 5]


def test_positions_stay_right_when_chunks_were_dropped():
    rig = Rig()
    rig.hear([0], 0, 10)
    rig.chunk += 7
    rig.hear([0], 20_000, 3)

    # Frames of the gap are loud; what counts is the first chunk that was looked at.
    assert rig.changes[0].event.start == 17 * CHUNK_SAMPLES - 3200


def test_a_broken_batch_is_counted_and_the_next_one_works():
    rig = Rig()
    rig.scorer.fails = True
    rig.hear([0], 20_000, 2)
    rig.scorer.fails = False
    rig.hear([0], 20_000, 3)

    assert rig.vad.figures.failed == 2
    assert [type(c.event) for c in rig.changes] == [SpeechStarted]
