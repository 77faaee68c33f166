"""The ring matrix: positions, what is kept, what is gone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.hearing.activity import CHUNK_SAMPLES
from agents.hearing.ring import RING_SAMPLES, RING_SLOTS, RingMatrix
from gateway.media.hearing import AudioGone
from gateway.model.frame import FRAME_SAMPLES, RATE_HZ


def numbers(*rows):
    return np.array(rows, dtype=np.int32)


def frame(row, index):
    """A frame whose samples tell where they belong."""
    at = np.arange(index * FRAME_SAMPLES, (index + 1) * FRAME_SAMPLES)
    return ((at * 7 + row * 1009) % 30_000).astype(np.int16)


def expected(row, start, stop):
    return ((np.arange(start, stop) * 7 + row * 1009) % 30_000).astype("<i2").tobytes()


def fill(ring, row, frames, first=0):
    for index in range(first, first + frames):
        ring.append(numbers(row), frame(row, index)[None, :])


def test_the_longest_held_speech_and_what_recognition_may_wait_fit():
    assert RING_SAMPLES >= 30 * RATE_HZ
    assert RING_SAMPLES % CHUNK_SAMPLES == 0


def test_each_row_has_its_own_position_and_audio():
    ring = RingMatrix(4)

    first = ring.append(numbers(3, 1), np.stack([frame(3, 0), frame(1, 0)]))
    second = ring.append(numbers(1), frame(1, 1)[None, :])

    assert first.tolist() == [FRAME_SAMPLES, FRAME_SAMPLES]
    assert second.tolist() == [2 * FRAME_SAMPLES]
    assert [ring.position(row) for row in range(4)] == [0, 640, 0, 320]
    assert ring.read(3, 0, 320) == expected(3, 0, 320)
    assert ring.read(1, 17, 633) == expected(1, 17, 633)


def test_audio_is_copied_when_it_is_added():
    ring = RingMatrix(1)
    pcm = frame(0, 0)[None, :].copy()
    ring.append(numbers(0), pcm)

    pcm[:] = 0

    assert ring.read(0, 0, 320) == expected(0, 0, 320)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_anything_kept_reads_back_and_anything_else_is_gone(data):
    ring = RingMatrix(2)
    frames = data.draw(st.integers(0, RING_SLOTS + 40))
    fill(ring, 1, frames)
    end = frames * FRAME_SAMPLES
    start = data.draw(st.integers(-5, end + 5))
    stop = data.draw(st.integers(start - 5, end + 5))

    if max(0, end - RING_SAMPLES) <= start <= stop <= end:
        assert ring.read(1, start, stop) == expected(1, start, stop)
    else:
        with pytest.raises(AudioGone):
            ring.read(1, start, stop)


def test_blocks_are_gathered_from_several_rows_even_after_wrapping():
    ring = RingMatrix(3)
    fill(ring, 0, RING_SLOTS + 16)
    fill(ring, 2, 8)
    late = (RING_SLOTS + 16) * FRAME_SAMPLES // CHUNK_SAMPLES - 1

    got = ring.gather(numbers(2, 0), np.array([3, late]), CHUNK_SAMPLES)

    assert got[0].tobytes() == expected(2, 3 * CHUNK_SAMPLES, 4 * CHUNK_SAMPLES)
    assert got[1].tobytes() == expected(0, late * CHUNK_SAMPLES, (late + 1) * CHUNK_SAMPLES)


def test_a_cleared_row_is_empty_and_its_neighbours_are_not():
    ring = RingMatrix(3)
    for row in range(3):
        fill(ring, row, RING_SLOTS)

    ring.clear(1)

    assert ring.position(1) == 0
    with pytest.raises(AudioGone):
        ring.read(1, 0, 1)
    whole = ring.gather(numbers(0, 1, 2), np.zeros(3, dtype=np.int64), RING_SAMPLES)
    assert not whole[1].any(), "what a caller said must be gone with the call"
    assert whole[0].tobytes() == expected(0, 0, RING_SAMPLES)
    assert whole[2].tobytes() == expected(2, 0, RING_SAMPLES)
