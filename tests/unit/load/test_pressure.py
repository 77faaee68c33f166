"""Tests of gateway/load/pressure.py and meters.py: from figures to a level."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.load.meters import FEWEST, SAMPLES_MOST, LatenessMeter
from gateway.load.pressure import Level, Pressure, Signal

LIMITS = {Signal.TICK_LATENESS: 0.06, Signal.LOOP_LAG: 0.2, Signal.SPEECH_QUEUE: 16.0}


def pressure(tick_s: float = 0.0, lag_s: float = 0.0, queue: float = 0.0) -> Pressure:
    figures = {Signal.TICK_LATENESS: tick_s, Signal.LOOP_LAG: lag_s, Signal.SPEECH_QUEUE: queue}
    return Pressure.of(figures, LIMITS)


@pytest.mark.parametrize(
    ("figures", "level", "worst"),
    [
        ((0.0, 0.0, 0.0), Level.LOW, Signal.TICK_LATENESS),
        ((0.0299, 0.0, 0.0), Level.LOW, Signal.TICK_LATENESS),
        ((0.0, 0.1, 0.0), Level.MIDDLE, Signal.LOOP_LAG),
        ((0.0, 0.0, 15.9), Level.MIDDLE, Signal.SPEECH_QUEUE),
        ((0.06, 0.0, 0.0), Level.HIGH, Signal.TICK_LATENESS),
        ((0.0, 0.0, 16.0), Level.HIGH, Signal.SPEECH_QUEUE),
        ((0.07, 0.9, 1.0), Level.HIGH, Signal.LOOP_LAG),
        ((-1.0, -1.0, 0.0), Level.LOW, Signal.TICK_LATENESS),
    ],
)
def test_the_worst_figure_decides(figures, level, worst):
    found = pressure(*figures)
    assert (found.level, found.worst) == (level, worst)


def test_nothing_measured_is_no_pressure():
    assert (Pressure({}).level, Pressure({}).worst) == (Level.LOW, None)


def test_one_long_stop_among_many_ticks_is_not_pressure():
    meter = LatenessMeter()
    for late_s in [0.001] * 46 + [0.3, 0.28, 0.26, 0.24]:
        meter.add(late_s)
    assert meter.take() == 0.001


def test_one_in_ten_late_is():
    meter = LatenessMeter()
    for late_s in [0.001] * 45 + [0.1] * 5:
        meter.add(late_s)
    assert meter.take() == 0.1
    assert meter.take() == 0.0


@given(st.lists(st.floats(0, 10), max_size=60))
def test_what_a_meter_tells_is_one_of_what_it_was_told(samples):
    meter = LatenessMeter()
    for sample in samples:
        meter.add(sample)
    told = meter.take()
    assert told == 0.0 if len(samples) < FEWEST else told in samples


def test_a_meter_that_nobody_reads_stays_bounded():
    meter = LatenessMeter()
    for number in range(3 * SAMPLES_MOST):
        meter.add(float(number))
    assert len(meter._samples) == SAMPLES_MOST
