"""The estimate of quality: known points of the E-model, and what a report says of both directions."""

import pytest

from gateway.console.quality import heard_by_them, heard_by_us, mos
from gateway.model.events import Statistics


def report(**changed) -> Statistics:
    facts = {
        "packets_in": 900,
        "packets_out": 1000,
        "packets_lost_in": 100,
        "packets_lost_out": 0,
        "jitter_in_ms": 30.0,
        "jitter_out_ms": 2.0,
        "round_trip_ms": 40.0,
        "frames_dropped": 0,
    }
    return Statistics(call_id="c_1", at_s=1.0, **{**facts, **changed})


@pytest.mark.parametrize(
    ("delay_ms", "loss", "expected"),
    [
        (0, 0, 4.41),  # R = 93.2: the best there is, G.107 table B.1
        (177.3, 0, 4.32),
        (400, 0, 3.04),  # past the knee it falls quickly
        (0, 1, 4.33),
        (0, 25.1, 2.36),  # loss equal to Bpl takes half of what there is to take
        (0, 100, 1.08),
        (5_000, 100, 1.0),
    ],
)
def test_known_points(delay_ms, loss, expected):
    assert mos(delay_ms=delay_ms, loss_percent=loss) == pytest.approx(expected, abs=0.1)


def test_more_delay_or_loss_is_never_better():
    by_loss = [mos(delay_ms=50, loss_percent=loss) for loss in range(0, 101, 5)]
    by_delay = [mos(delay_ms=delay, loss_percent=0) for delay in range(0, 1000, 50)]

    assert by_loss == sorted(by_loss, reverse=True)
    assert by_delay == sorted(by_delay, reverse=True)
    assert all(1.0 <= score <= 4.5 for score in by_loss + by_delay)


def test_both_directions_are_told_apart():
    found = report()

    assert heard_by_us(found).loss_percent == 10.0
    assert heard_by_us(found).jitter_ms == 30.0
    assert heard_by_them(found).loss_percent == 0.0
    assert heard_by_us(found).mos < heard_by_them(found).mos


def test_a_report_of_nothing_is_no_bad_line():
    found = heard_by_us(report(packets_in=0, packets_lost_in=0))

    assert (found.loss_percent, found.packets) == (0.0, 0)


def test_counters_that_run_backwards_do_no_harm():
    # RFC 3550 section 6.4.1: the cumulative number lost may be negative, with duplicates.
    assert heard_by_us(report(packets_lost_in=-3)).loss_percent == 0.0
