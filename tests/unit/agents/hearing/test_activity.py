"""Thresholds: when speech starts and stops, compared with a plain one-ear implementation."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.hearing.activity import (
    CHUNK_SAMPLES,
    LEAD_IN_SAMPLES,
    START_CHUNKS,
    STOP_CHUNKS,
    Activity,
)


class OneEar:
    """What `Activity` is to do, written for one ear and for reading."""

    def __init__(self):
        self.start = None
        self.stop = 0
        self.first = 0
        self.score = 0
        self.unvoiced = 0

    def hear(self, chunk, probability):
        if self.start is None:
            if probability >= 0.5:
                if self.score == 0:
                    self.first = chunk
                self.score += 2
            elif self.score > 0:
                self.score -= 1
            if self.score >= 2 * START_CHUNKS:
                self.start = max(self.first * CHUNK_SAMPLES - LEAD_IN_SAMPLES, self.stop)
                self.stop = (chunk + 1) * CHUNK_SAMPLES
                self.score, self.unvoiced = 0, 0
                return ("started", self.start)
        elif probability >= 0.35:
            self.stop, self.unvoiced = (chunk + 1) * CHUNK_SAMPLES, 0
        else:
            self.unvoiced += 1
            if self.unvoiced == STOP_CHUNKS:
                return self.end()
        return None

    def end(self):
        self.score = 0
        if self.start is None:
            return None
        start, self.start = self.start, None
        return ("stopped", start, self.stop)


def changes(started, stopped):
    found = {}
    if started is not None:
        for row, start in zip(started.rows, started.starts, strict=True):
            found[int(row)] = ("started", int(start))
    if stopped is not None:
        for row, start, stop in zip(stopped.rows, stopped.starts, stopped.stops, strict=True):
            assert int(row) not in found
            found[int(row)] = ("stopped", int(start), int(stop))
    return found


EARS = 5
LEVELS = st.sampled_from([0.0, 0.2, 0.349, 0.35, 0.4, 0.499, 0.5, 0.9, 1.0])
RUNS = st.lists(st.tuples(LEVELS, st.integers(1, 8)), min_size=1, max_size=8)
STEP = st.tuples(
    st.sets(st.integers(0, EARS - 1), min_size=1),
    st.sampled_from(["hear", "hear", "hear", "hear", "hear", "skip", "end", "reset"]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(RUNS, min_size=EARS, max_size=EARS), st.lists(STEP, max_size=80))
def test_all_ears_at_once_decide_as_each_would_alone(runs, steps):
    levels = [[p for p, count in run for _ in range(count)] for run in runs]
    alone = [OneEar() for _ in range(EARS)]
    chunk, together = [0] * EARS, Activity(EARS)
    for ears, what in steps:
        rows = np.array(sorted(ears), dtype=np.int32)
        if what == "reset":
            together.reset(rows)
            for row in ears:
                alone[row], chunk[row] = OneEar(), 0
        elif what == "skip":
            for row in ears:
                chunk[row] += 2
        elif what == "end":
            expected = {row: alone[row].end() for row in ears}
            found = changes(None, together.end(rows))
            assert found == {row: change for row, change in expected.items() if change}
        else:
            heard = [levels[row][chunk[row] % len(levels[row])] for row in rows]
            numbers = np.array([chunk[row] for row in rows], dtype=np.int64)
            expected = {
                int(row): alone[row].hear(chunk[row], p) for row, p in zip(rows, heard, strict=True)
            }
            found = changes(*together.update(rows, numbers, np.array(heard)))
            assert found == {row: change for row, change in expected.items() if change}
            for row in rows:
                chunk[row] += 1


def run(probabilities):
    """Return the changes one ear makes, by the chunk at which they were decided."""
    activity, found = Activity(1), {}
    row = np.zeros(1, dtype=np.int32)
    for chunk, probability in enumerate(probabilities):
        one = changes(*activity.update(row, np.array([chunk]), np.array([probability])))
        if one:
            found[chunk] = one[0]
    return found


def test_speech_starts_with_the_third_voiced_chunk_and_a_lead_in():
    found = run([0.0] * 20 + [0.5] * 3)

    assert found == {22: ("started", 20 * CHUNK_SAMPLES - LEAD_IN_SAMPLES)}


def test_two_voiced_chunks_are_a_click():
    assert run([0.0, 1.0, 1.0, 0.49, 0.0, 0.3, 0.0] * 5) == {}


def test_a_short_silence_within_a_word_does_not_delay_the_start():
    found = run([0.0] * 20 + [1.0, 1.0, 0.0, 0.0, 1.0, 1.0])

    assert found == {25: ("started", 20 * CHUNK_SAMPLES - LEAD_IN_SAMPLES)}


def test_the_stop_is_where_the_voice_ended_not_where_that_was_noticed():
    found = run([0.0] * 10 + [1.0] * 10 + [0.0] * 10)

    assert found[20 + STOP_CHUNKS - 1][2] == 20 * CHUNK_SAMPLES


def test_a_weak_chunk_prolongs_speech():
    found = run([1.0] * 5 + [0.0] * 3 + [0.36] + [0.0] * 4)

    assert found[12] == ("stopped", 0, 9 * CHUNK_SAMPLES)


def test_stretches_do_not_overlap():
    found = run([0.0] * 10 + [1.0] * 5 + [0.0] * 4 + [1.0] * 5)

    assert found[21] == ("started", 15 * CHUNK_SAMPLES)
