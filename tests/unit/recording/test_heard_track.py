"""The caller's side keeps its place in time through gaps and bursts."""

from gateway.model.frame import BYTES_PER_MS
from gateway.recording.call_tape import hush
from gateway.recording.clock import TapeClock
from gateway.recording.heard_track import HeardTrack


def sound(ms: int, value: int) -> bytes:
    return bytes([value, 0]) * (ms * BYTES_PER_MS // 2)


def test_sound_in_time_is_one_after_the_other() -> None:
    track = HeardTrack(TapeClock(5.0), 5.0)
    track.push(sound(400, 1), 5.42)
    track.push(sound(400, 2), 5.81)
    assert track.take(5.6) == sound(400, 1) + sound(200, 2)
    assert track.take(5.8) == sound(200, 2)


def test_a_gap_stays_silent_and_what_follows_stands_where_it_was_said() -> None:
    track = HeardTrack(TapeClock(0.0), 0.0)
    track.push(sound(400, 1), 0.4)
    track.push(sound(200, 2), 2.0)
    assert track.take(2.0) == sound(400, 1) + sound(1400, 0) + sound(200, 2)


def test_a_burst_after_a_gap_that_was_filled_loses_its_oldest() -> None:
    track = HeardTrack(TapeClock(0.0), 0.0)
    assert track.take(1.0) == sound(1000, 0)
    track.push(sound(200, 1) + sound(300, 2), 1.3)
    assert track.take(1.3) == sound(300, 2)


def test_what_never_came_is_silence() -> None:
    track = HeardTrack(TapeClock(0.0), 0.0)
    track.push(sound(100, 1), 0.1)
    assert track.take(0.3) == sound(100, 1) + sound(200, 0)


def test_a_pause_is_silence_to_the_sample() -> None:
    track = sound(100, 1)  # at 16 samples a millisecond
    assert hush(track, 1600, 0, 1600) == track
    assert hush(track, 1600, 3200, None) == track
    assert hush(track, 1600, 2400, None) == sound(50, 1) + sound(50, 0)
    assert hush(track, 1600, 1616, 3184) == sound(1, 1) + sound(98, 0) + sound(1, 1)
    assert hush(track, 1600, 0, None) == sound(100, 0)
