"""The jitter buffer: order, losses, late packets, a delay that fits."""

from hypothesis import given
from hypothesis import strategies as st

from webrtc.jitter import CAPACITY, TARGET_FIRST, TARGET_MOST, JitterBuffer, Kind


def filled(*sequences: int) -> JitterBuffer:
    buffer = JitterBuffer()
    for sequence in sequences:
        buffer.add(sequence & 0xFFFF, str(sequence).encode())
    return buffer


def taken(buffer: JitterBuffer, count: int) -> list[str]:
    return [
        item.payload.decode() if item.kind is Kind.PACKET else item.kind.value
        for item in (buffer.take() for _ in range(count))
    ]


def test_packets_come_out_in_order() -> None:
    assert taken(filled(12, 10, 11), 3) == ["10", "11", "12"]


def test_it_waits_for_a_few_before_it_begins() -> None:
    buffer = filled(1)
    assert taken(buffer, 1) == ["nothing"]
    buffer.add(2, b"2")
    assert taken(buffer, 2) == ["1", "2"]


def test_a_last_packet_is_not_kept_back_for_ever() -> None:
    assert taken(filled(1), TARGET_FIRST + 1)[-1] == "1"


def test_a_hole_is_concealed_with_what_follows_it() -> None:
    buffer = filled(1, 3)
    buffer.take()

    lost = buffer.take()

    assert (lost.kind, lost.payload) == (Kind.LOST, b"3")
    assert taken(buffer, 1) == ["3"]


def test_an_empty_buffer_conceals_once_then_waits() -> None:
    buffer = filled(1, 2)

    assert taken(buffer, 5) == ["1", "2", "lost", "nothing", "nothing"]


def test_a_late_packet_is_counted_and_raises_the_delay() -> None:
    buffer = filled(1, 3)
    taken(buffer, 2)
    buffer.add(2, b"2")

    assert (buffer.late, buffer.target) == (1, TARGET_FIRST + 1)


def test_numbers_wrap() -> None:
    sequences = range(65_530, 65_545)

    assert taken(filled(*sequences), 15) == [str(item) for item in sequences]


def test_a_sender_that_begins_anew_is_followed() -> None:
    buffer = filled(1, 2)
    taken(buffer, 2)
    for sequence in (40_000, 40_001):
        buffer.add(sequence, str(sequence).encode())

    assert taken(buffer, 2) == ["40000", "40001"]


def test_a_delay_that_is_not_needed_is_given_up() -> None:
    buffer = filled(*range(1, 7))
    for sequence in range(7, 700):
        buffer.add(sequence, b"x")
        buffer.take()

    assert buffer.depth <= TARGET_FIRST
    assert buffer.concealed == 0


@given(
    st.lists(
        st.one_of(st.integers(0, 65_535), st.integers(0, 40).map(lambda n: n + 65_500), st.none()),
        max_size=200,
    )
)
def test_whatever_comes_it_stays_within_its_bounds(steps: list[int | None]) -> None:
    buffer = JitterBuffer()
    for step in steps:
        if step is None:
            buffer.take()
        else:
            buffer.add(step & 0xFFFF, b"x")
        assert buffer.depth <= CAPACITY
        assert TARGET_FIRST <= buffer.target <= TARGET_MOST


@given(st.permutations(list(range(20))), st.sets(st.integers(0, 19), max_size=5))
def test_what_comes_in_time_is_played_once_and_in_order(
    order: list[int], missing: set[int]
) -> None:
    buffer = JitterBuffer()
    kept = [number for number in order if number not in missing]
    first = min(kept)
    buffer.add(first + 100, bytes([first]))
    for number in kept:
        if number != first:
            buffer.add(number + 100, bytes([number]))

    played = [item.payload[0] for _ in range(25) if (item := buffer.take()).kind is Kind.PACKET]

    assert played == sorted(kept)
