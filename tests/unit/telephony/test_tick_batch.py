"""When a tick's datagram leaves, and how late the tick was."""

from collections.abc import Sequence

import pytest

from telephony.tick_batch import TickBatch, TickGrid


class Sent:
    """Keeps what was sent, copied as a link would."""

    def __init__(self) -> None:
        self.ticks: list[tuple[float, list[int], list[bytes]]] = []

    def __call__(
        self, at_s: float, lateness_s: float, legs: Sequence[int], frames: Sequence[bytearray]
    ) -> None:
        assert lateness_s >= 0
        self.ticks.append((at_s, list(legs), [bytes(frame) for frame in frames]))

    def legs(self) -> list[list[int]]:
        return [legs for _, legs, _ in self.ticks]


def put(batch: TickBatch, *legs: int) -> None:
    for leg in legs:
        row = batch.row()
        if row is not None:
            row[:] = bytes([leg]) * 640
            batch.commit(leg)


def test_a_complete_tick_leaves_at_once() -> None:
    sent = Sent()
    batch = TickBatch(8, sent)
    batch.begin(0.00)
    put(batch, 1, 2)
    assert sent.ticks == []
    batch.begin(0.02)
    assert sent.legs() == [[1, 2]]
    put(batch, 1, 2)
    assert sent.legs() == [[1, 2], [1, 2]]
    assert sent.ticks[1][0] == 0.02
    assert sent.ticks[1][2] == [b"\x01" * 640, b"\x02" * 640]


def test_a_call_less_is_sent_with_the_next_tick_and_learned() -> None:
    sent = Sent()
    batch = TickBatch(8, sent)
    for tick, legs in enumerate([(1, 2), (1, 2), (2,), (2,)]):
        batch.begin(tick * 0.02)
        put(batch, *legs)
    assert sent.legs() == [[1, 2], [1, 2], [2], [2]]
    assert [at_s for at_s, _, _ in sent.ticks] == [0.0, 0.02, 0.04, 0.06]


def test_a_call_more_costs_one_datagram_more_once() -> None:
    sent = Sent()
    batch = TickBatch(8, sent)
    for tick, legs in enumerate([(1,), (1,), (1, 2), (1, 2)]):
        batch.begin(tick * 0.02)
        put(batch, *legs)
    assert sent.legs() == [[1], [1], [1], [2], [1, 2]]
    assert sent.ticks[3][0] == 0.04


def test_frames_over_the_capacity_are_counted() -> None:
    sent = Sent()
    batch = TickBatch(1, sent)
    batch.begin(0.0)
    put(batch, 1, 2)
    batch.begin(0.02)
    assert sent.legs() == [[1]]
    assert batch.overflowed == 1


def test_nothing_is_sent_for_nobody() -> None:
    sent = Sent()
    batch = TickBatch(1, sent)
    for tick in range(5):
        batch.begin(tick * 0.02)
    assert sent.ticks == []
    assert batch.ticks == 5


def test_lateness_is_measured_against_the_grid_not_the_tick_before() -> None:
    grid = TickGrid()
    assert grid.lateness(10.0) == 0
    assert grid.lateness(10.025) == pytest.approx(0.005)
    assert grid.lateness(10.040) == pytest.approx(0, abs=1e-9)
    assert grid.lateness(10.075) == pytest.approx(0.015)


def test_an_early_tick_moves_the_grid_and_a_jump_starts_it_anew() -> None:
    grid = TickGrid()
    grid.lateness(10.010)
    assert grid.lateness(10.020) == 0
    assert grid.lateness(10.045) == pytest.approx(0.005)
    assert grid.lateness(99.0) == 0
    assert grid.lateness(99.020) == pytest.approx(0, abs=1e-9)
