"""Early audio first, live audio behind it, nothing twice and nothing lost."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.frame import FRAME_BYTES, SILENCE
from webrtc.early_audio import END_BOUND_S, FRAMES_PER_TICK, EarlyAudio, Joining


def frame(number: int) -> bytes:
    return struct.pack("<H", 1_000 + number) * (FRAME_BYTES // 2)


def message(*numbers: int) -> bytes:
    return struct.pack("<BI", 1, 0) + b"".join(frame(number) for number in numbers)


def test_without_announcement_live_audio_passes_at_once() -> None:
    early = EarlyAudio(is_announced=False)

    assert early.tick(frame(1), 0.0) == [frame(1)]
    assert early.tick(None, 0.0) == []
    assert not early.message(message(1))


def test_live_audio_waits_behind_early_audio() -> None:
    early = EarlyAudio(is_announced=True)
    heard = early.tick(frame(100), 0.0)
    early.message(message(1, 2))
    heard += early.tick(frame(101), 0.02)
    early.message(message(3))
    early.end()
    for number in range(102, 106):
        heard += early.tick(frame(number), 0.04)

    assert heard == [frame(number) for number in (1, 2, 3, *range(100, 106))]
    assert early.state is Joining.LIVE


def test_silence_of_a_closed_microphone_is_not_put_between() -> None:
    early = EarlyAudio(is_announced=True)
    for _ in range(20):
        assert early.tick(SILENCE, 0.0) == []
    early.message(message(1))
    early.end()

    assert early.tick(frame(2), 0.5) == [frame(1), frame(2)]


def test_the_backlog_is_bounded_in_its_speed() -> None:
    early = EarlyAudio(is_announced=True)
    early.message(message(*range(10)))
    early.end()

    assert len(early.tick(None, 0.0)) == FRAMES_PER_TICK


def test_an_end_that_never_comes_is_not_waited_for_long() -> None:
    early = EarlyAudio(is_announced=True)
    early.connected(10.0)

    assert early.tick(frame(1), 10.0 + END_BOUND_S - 0.1) == []
    assert early.tick(frame(2), 10.0 + END_BOUND_S) == [frame(1), frame(2)]
    assert not early.message(message(1))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        b"\x02" + message(1)[1:],
        message(),
        message(1)[:-1],
        message(*range(11)),
    ],
)
def test_what_is_no_early_audio_is_refused(data: bytes) -> None:
    assert not EarlyAudio(is_announced=True).message(data)


def test_too_much_is_dropped_and_counted() -> None:
    early = EarlyAudio(is_announced=True)
    taken = sum(early.message(message(*range(10))) for _ in range(80))

    assert taken == 75
    assert early.dropped_frames == 50


@given(
    st.lists(st.one_of(st.just("early"), st.just("live"), st.just("tick")), max_size=80),
    st.integers(0, 80),
)
def test_order_is_kept_however_they_interleave(steps: list[str], end_at: int) -> None:
    early = EarlyAudio(is_announced=True)
    heard: list[bytes] = []
    spoken_early: list[bytes] = []
    spoken_live: list[bytes] = []
    for index, step in enumerate(steps):
        if index == end_at:
            early.end()
        match step:
            case "early":
                if early.message(message(index)):
                    spoken_early.append(frame(index))
            case "live":
                spoken_live.append(frame(1_000 + index))
                heard += early.tick(spoken_live[-1], 0.0)
            case _:
                heard += early.tick(None, 0.0)
    early.end()
    for _ in range(100):
        heard += early.tick(None, 0.0)

    assert heard == spoken_early + spoken_live
