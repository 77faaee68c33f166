"""What the caller was really played, by what was queued and what the leg reported."""

import random

from gateway.media.playout import PlayoutQueue
from gateway.model.frame import BYTES_PER_MS, FRAME_BYTES, FRAME_MS
from gateway.recording.clock import TapeClock
from gateway.recording.played_track import PlayedTrack

MS = 0.001


def sound(ms: int, value: int) -> bytes:
    return bytes([value, 0]) * (ms * BYTES_PER_MS // 2)


def track_from(*, media_up_s: float = 0.0) -> PlayedTrack:
    track = PlayedTrack(TapeClock(0.0))
    track.media_up(media_up_s)
    return track


def test_sound_begins_when_its_mark_says_so() -> None:
    track = track_from()
    track.mark("p1.start")
    track.play(sound(100, 1), 0.0)
    track.mark("p1.end")
    track.marked("p1.start", 0.0, 0.5, cleared=False)

    assert track.take(1.0) == sound(500, 0) + sound(100, 1) + sound(400, 0)


def test_sound_whose_mark_never_came_is_not_recorded() -> None:
    track = track_from()
    track.mark("p1.start")
    track.play(sound(100, 1), 0.0)

    assert track.take(1.0) == sound(1000, 0)


def test_what_follows_a_sound_follows_without_a_gap() -> None:
    track = track_from()
    for name, value in (("p1", 1), ("p2", 2)):
        track.mark(f"{name}.start")
        track.play(sound(100, value), 0.0)
        track.mark(f"{name}.end")
    track.marked("p1.start", 0.0, 0.1, cleared=False)
    # The mark behind the last sample is reached with the frame that carries it, 20 ms before its end.
    track.marked("p1.end", 100.0, 0.18, cleared=False)
    track.marked("p2.start", 100.0, 0.18, cleared=False)

    assert track.take(0.3) == sound(100, 0) + sound(100, 1) + sound(100, 2)


def test_only_what_was_heard_before_a_clear_is_there() -> None:
    track = track_from()
    track.mark("p1.start")
    track.play(sound(1000, 1), 0.0)
    track.mark("p1.end")
    track.marked("p1.start", 0.0, 0.0, cleared=False)
    assert track.take(0.1) == sound(100, 1)
    track.marked("p1.end", 300.0, 0.3, cleared=True)
    track.cleared(300.0)
    track.mark("p2.start")
    track.play(sound(100, 2), 0.5)
    track.marked("p2.start", 300.0, 0.6, cleared=False)

    assert track.take(0.8) == sound(200, 1) + sound(300, 0) + sound(100, 2) + sound(100, 0)


def test_a_clear_that_is_learnt_of_late_cuts_what_follows() -> None:
    track = track_from()
    track.play(sound(1000, 1), 0.0)
    track.take(0.5)
    track.cleared(300.0)
    assert track.take(0.6) == sound(100, 0)
    track.play(sound(100, 2), 0.6)
    track.cleared(340.0)
    assert track.take(0.8) == sound(40, 2) + sound(160, 0)


def test_raw_sound_is_heard_when_it_was_queued_and_not_before_media_is_up() -> None:
    track = track_from(media_up_s=0.2)
    track.play(sound(20, 1), 0.1)
    track.play(sound(20, 2), 0.5)
    assert track.take(0.6) == (
        sound(200, 0) + sound(20, 1) + sound(280, 0) + sound(20, 2) + sound(80, 0)
    )


def test_raw_frames_that_come_a_little_late_leave_no_gaps() -> None:
    track = track_from()
    wobble = random.Random(3)
    for index in range(50):
        track.play(sound(20, 1), index * 0.02 + wobble.uniform(0, 0.03))
    heard = track.take(1.2)
    begin = heard.index(1)
    assert heard[begin : begin + 50 * FRAME_BYTES] == sound(1000, 1)


def test_nothing_is_there_before_media_is_up_or_after_a_clear_in_that_state() -> None:
    track = PlayedTrack(TapeClock(0.0))
    track.mark("greeting.start")
    track.play(sound(100, 1), 0.0)
    track.cleared(0.0)
    track.media_up(0.1)
    assert track.take(0.5) == sound(500, 0)


def test_it_agrees_with_a_real_playout_queue_whatever_is_asked() -> None:
    """Each frame the queue handed out is in the track, at the tick it was handed out on."""
    for seed in range(30):
        choice = random.Random(seed)
        queue, track = PlayoutQueue(), track_from()
        queue.release()
        expected = bytearray()
        number = 0
        reports: list[tuple[int, str, float, float, bool]] = []
        is_cleared_tick = False
        for tick in range(400):
            now = tick * FRAME_MS * MS
            if choice.random() < 0.05:
                number += 1
                value, ms = 1 + number % 250, choice.choice((20, 60, 300, 1000))
                for name in (f"p{number}.start", f"p{number}.end"):
                    if name.endswith(".end"):
                        queue.play(sound(ms, value))
                        track.play(sound(ms, value), now)
                    queue.mark(name)
                    track.mark(name)
            if choice.random() < 0.01:
                marks, played_ms = queue.clear()
                for mark in marks:
                    track.marked(mark.name, mark.played_ms, now, cleared=True)
                for _, name, played, at_s, cleared in reports:
                    track.marked(name, played, at_s, cleared=cleared)
                reports.clear()
                track.cleared(played_ms)
                is_cleared_tick = True
            frame, reached = queue.next_frame()
            # The fade of what was cut counts as not heard.
            expected += bytes(FRAME_BYTES) if is_cleared_tick or frame is None else frame
            is_cleared_tick = False
            for mark in reached or ():
                reports.append((tick, mark.name, mark.played_ms, now, False))
            # Reports arrive three ticks later.
            while reports and reports[0][0] <= tick - 3:
                _, name, played, at_s, cleared = reports.pop(0)
                track.marked(name, played, at_s, cleared=cleared)
        for _, name, played, at_s, cleared in reports:
            track.marked(name, played, at_s, cleared=cleared)
        assert track.take(400 * FRAME_MS * MS) == bytes(expected), seed
