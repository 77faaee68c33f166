"""The playout queue: order, positions, marks, clear, limits."""

import struct
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.playout import FADE_MS, MarkReached, PlayoutQueue
from gateway.model.frame import BYTES_PER_MS, FRAME_BYTES


def audio(samples: int, value: int = 1_000) -> bytes:
    return struct.pack("<h", value) * samples


def drain(queue: PlayoutQueue) -> tuple[bytes, list[MarkReached]]:
    """Take frames until the queue is empty."""
    played = bytearray()
    marks: list[MarkReached] = []
    while not queue.is_empty:
        frame, reached = queue.next_frame()
        played += frame or b""
        marks += reached or []
    return bytes(played), marks


@pytest.fixture
def queue() -> PlayoutQueue:
    queue = PlayoutQueue()
    queue.release()
    return queue


def test_a_new_queue_is_held_and_keeps_what_it_has() -> None:
    queue = PlayoutQueue()
    queue.mark("start")
    queue.play(audio(320))

    assert queue.is_held
    assert queue.next_frame() == (None, None)
    queue.release()
    assert queue.next_frame() == (audio(320), [MarkReached("start", 0.0, cleared=False)])


def test_hold_interrupts_and_release_goes_on(queue: PlayoutQueue) -> None:
    queue.play(audio(640))
    queue.next_frame()
    queue.hold()

    assert queue.next_frame() == (None, None)
    queue.release()
    assert queue.next_frame() == (audio(320), None)


def test_an_empty_queue_plays_nothing(queue: PlayoutQueue) -> None:
    assert queue.next_frame() == (None, None)
    assert queue.played_ms == 0


def test_pieces_join_without_silence_between(queue: PlayoutQueue) -> None:
    queue.play(audio(100, 1))
    queue.mark("between")
    queue.play(audio(220, 2))

    frame, marks = queue.next_frame()

    assert frame == audio(100, 1) + audio(220, 2)
    assert marks == [MarkReached("between", 6.25, cleared=False)]


def test_only_the_last_partial_frame_is_padded(queue: PlayoutQueue) -> None:
    queue.play(audio(330))

    queue.next_frame()
    frame, _ = queue.next_frame()

    assert frame == audio(10) + bytes(620)
    assert queue.played_ms == 330 / 16


def test_a_mark_behind_the_last_sample_comes_with_its_frame(queue: PlayoutQueue) -> None:
    queue.play(audio(320))
    queue.mark("end")

    assert queue.next_frame()[1] == [MarkReached("end", 20.0, cleared=False)]


def test_a_mark_in_an_empty_queue_comes_with_the_next_tick(queue: PlayoutQueue) -> None:
    queue.mark("now")

    assert queue.next_frame() == (None, [MarkReached("now", 0.0, cleared=False)])


def test_clear_returns_marks_in_order_and_the_position(queue: PlayoutQueue) -> None:
    queue.play(audio(640))
    queue.mark("one")
    queue.play(audio(640))
    queue.mark("two")
    queue.next_frame()

    marks, played_ms = queue.clear()

    assert marks == [
        MarkReached("one", 20.0, cleared=True),
        MarkReached("two", 20.0, cleared=True),
    ]
    assert played_ms == 20.0
    assert queue.is_empty


def test_clear_of_sounding_audio_fades_out_then_is_silent(queue: PlayoutQueue) -> None:
    queue.play(audio(3_200, 10_000))
    queue.next_frame()
    queue.clear()

    frame, marks = queue.next_frame()

    assert frame is not None
    samples = struct.unpack("<320h", frame)
    fade = samples[: FADE_MS * 16]
    assert fade[0] > 9_000
    assert list(fade) == sorted(fade, reverse=True)
    assert not any(samples[len(fade) :])
    assert marks is None
    assert queue.played_ms == 20.0
    assert queue.next_frame() == (None, None)


def test_clear_before_anything_sounded_does_not_fade(queue: PlayoutQueue) -> None:
    queue.play(audio(3_200))
    queue.clear()

    assert queue.next_frame() == (None, None)


def test_a_second_clear_does_not_fade_what_was_queued_since(queue: PlayoutQueue) -> None:
    queue.play(audio(3_200, 1_000))
    queue.next_frame()
    queue.clear()
    queue.next_frame()
    queue.play(audio(3_200, 1_000))
    queue.clear()

    assert queue.next_frame() == (None, None)


def test_audio_over_the_limit_is_dropped_from_its_end_and_counted() -> None:
    queue = PlayoutQueue(limit_ms=100)
    queue.release()

    assert queue.play(audio(1_280, 1)) == 0
    assert queue.play(audio(640, 2)) == 640
    assert queue.play(audio(1, 3)) == 2

    assert queue.queued_ms == 100
    assert queue.dropped_frames == 2
    assert drain(queue)[0] == audio(1_280, 1) + audio(320, 2)


def test_a_mark_too_many_comes_back_at_once() -> None:
    queue = PlayoutQueue(marks_limit=2)

    assert queue.mark("a") is None
    assert queue.mark("b") is None
    assert queue.mark("c") == MarkReached("c", 0.0, cleared=True)
    queue.clear()
    assert queue.mark("d") is None


def test_half_samples_are_refused(queue: PlayoutQueue) -> None:
    with pytest.raises(ValueError, match="3 bytes"):
        queue.play(b"abc")


def test_a_buffer_that_is_used_again_is_copied(queue: PlayoutQueue) -> None:
    buffer = bytearray(audio(320, 5))
    queue.play(memoryview(buffer))
    buffer[:] = bytes(640)

    assert queue.next_frame()[0] == audio(320, 5)


_STEP = st.one_of(
    st.tuples(st.just("play"), st.integers(0, 2_000)),
    st.tuples(st.just("mark"), st.just(0)),
    st.tuples(st.just("tick"), st.integers(1, 5)),
    st.tuples(st.just("clear"), st.just(0)),
)


@given(st.lists(_STEP, max_size=60))
def test_played_is_queued_less_cleared_and_marks_return_once_in_order(
    steps: list[tuple[str, int]],
) -> None:
    queue = PlayoutQueue(limit_ms=1_000, marks_limit=8)
    queue.release()
    queued = played = cleared = 0
    names: list[str] = []
    returned: list[str] = []
    refused: set[str] = set()

    for step, count in steps:
        match step:
            case "play":
                queued += 2 * count - queue.play(audio(count))
            case "mark":
                names.append(f"m{len(names)}")
                if queue.mark(names[-1]) is not None:
                    refused.add(names[-1])
            case "tick":
                for _ in range(count):
                    before = queue.played_ms
                    frame, marks = queue.next_frame()
                    assert frame is None or len(frame) == FRAME_BYTES
                    for mark in marks or []:
                        assert before <= mark.played_ms <= queue.played_ms
                        assert not mark.cleared
                        returned.append(mark.name)
            case "clear":
                cleared += int(queue.queued_ms * BYTES_PER_MS)
                marks, position_ms = queue.clear()
                assert position_ms == queue.played_ms
                assert all(mark.cleared for mark in marks)
                returned += [mark.name for mark in marks]
    returned += [mark.name for mark in drain(queue)[1]]
    played = int(queue.played_ms * BYTES_PER_MS)

    assert played == queued - cleared
    assert returned == [name for name in names if name not in refused]


@given(st.lists(st.integers(0, 3_000), max_size=20))
def test_what_is_played_is_what_was_queued_sample_for_sample(lengths: list[int]) -> None:
    queue = PlayoutQueue()
    queue.release()
    whole = b"".join(audio(length, index + 1) for index, length in enumerate(lengths))
    for index, length in enumerate(lengths):
        queue.play(audio(length, index + 1))

    played, _ = drain(queue)

    assert played == whole + bytes(-len(whole) % FRAME_BYTES)


def test_two_threads_lose_nothing(queue: PlayoutQueue) -> None:
    pieces = 2_000

    def feed() -> None:
        for index in range(pieces):
            queue.play(audio(160))
            queue.mark(f"m{index}") if index % 10 == 0 else None

    feeder = threading.Thread(target=feed)
    marks: list[str] = []
    feeder.start()
    while feeder.is_alive() or not queue.is_empty:
        marks += [mark.name for mark in queue.next_frame()[1] or []]
    feeder.join()

    assert queue.played_ms == pieces * 10
    assert marks == [f"m{index}" for index in range(0, pieces, 10)]
