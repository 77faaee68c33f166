"""What a leg plays, by the clock: nothing before it is heard, what was cleared never, what is queued in order."""

import numpy as np

from gateway.console.playing import FRAMES_MOST, Playing, frame_peaks
from gateway.model.frame import FRAME_SAMPLES


def frames(*peaks: int) -> bytes:
    return b"".join(np.full(FRAME_SAMPLES, peak, dtype="<i2").tobytes() for peak in peaks)


def test_the_peak_of_each_frame_counts_both_ways():
    assert frame_peaks(frames(5, -7, -32_768)) == [5, 7, 32_768]
    assert frame_peaks(frames(5)[:10]) == [5]
    assert frame_peaks(b"") == []


def test_nothing_plays_before_somebody_can_hear_it():
    playing = Playing()
    playing.play(frames(100, 200))

    assert (playing.take(5.0), playing.is_playing) == (0, False)
    playing.media_up(5.0)
    assert playing.take(5.021) == 100
    assert playing.take(5.041) == 200
    assert not playing.is_playing


def test_the_loudest_since_the_last_question_is_told():
    playing = Playing()
    playing.media_up(0.0)
    playing.play(frames(1, 900, 3, 4))

    assert playing.take(0.061) == 900
    assert playing.is_playing
    assert playing.take(0.081) == 4


def test_what_is_queued_after_a_pause_begins_then():
    playing = Playing()
    playing.media_up(0.0)
    playing.take(10.0)
    playing.play(frames(50))

    assert playing.take(10.01) == 0
    assert playing.take(10.03) == 50


def test_what_was_cleared_is_not_played():
    playing = Playing()
    playing.media_up(0.0)
    playing.play(frames(1, 2, 3))
    playing.take(0.021)

    playing.clear()

    assert playing.take(1.0) == 0
    assert not playing.is_playing


def test_no_more_waits_than_a_leg_holds():
    playing = Playing()
    playing.play(bytes(FRAME_SAMPLES * 2) * (FRAMES_MOST + 50))
    playing.media_up(0.0)
    playing.play(frames(9))

    assert playing.take(FRAMES_MOST * 0.02 + 1) == 0
