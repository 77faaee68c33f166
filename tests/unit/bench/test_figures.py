"""The arithmetic of the bench: a wrong percentile would be believed for long."""

import math

import numpy as np
import pytest

from tests.load.figures import between, histogram_percentile, percentile
from tests.load.web_far_end import encode
from tests.load.web_heard import LOUD, SOFT, HeardCall, HeardPacket, decode_levels
from tests.load.wire import Packet, Wire


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([3.0], 0.5, 3.0),
        ([1.0, 2.0], 0.5, 1.0),
        (range(1, 101), 0.95, 95),
        (range(100, 0, -1), 0.99, 99),
        ([1.0, 2.0, 3.0], 1.0, 3.0),
    ],
)
def test_a_percentile_is_one_of_the_values(values, share, expected):
    assert percentile(values, share) == expected


def test_nothing_has_no_percentile():
    assert math.isnan(percentile([], 0.5))
    assert math.isnan(histogram_percentile({0.01: 0.0, math.inf: 0.0}, 0.5))


def test_a_histogram_is_judged_by_what_came_between_two_looks():
    before = {0.01: 10.0, 0.02: 10.0, math.inf: 10.0}
    after = {0.01: 10.0, 0.02: 109.0, math.inf: 110.0}

    came = between(before, after)

    assert histogram_percentile(came, 0.5) == 0.02
    assert histogram_percentile(came, 0.99) == 0.02
    assert histogram_percentile(came, 1.0) == math.inf


def test_missing_packets_are_counted_across_the_wrap():
    stream = [Packet(number / 50, number & 0xFFFF, b"") for number in (65_533, 65_535, 65_536)]

    wire = Wire({(10_000, 21_000, 1): stream})

    assert wire.missing == 1
    assert wire.intervals_ms == pytest.approx([40.0, 20.0])


def _heard(*packets: tuple[float, float], up_s: float = 10.0) -> HeardCall:
    return HeardCall("", 9.9, up_s, [HeardPacket(*packet) for packet in packets], missing=0)


def test_the_first_sound_is_counted_from_the_transport() -> None:
    call = _heard((9.99, 0), (10.01, 0), (10.03, 300), (10.05, 300))
    assert call.first_after_up_ms(0) == 0
    assert call.first_after_up_ms(250) == pytest.approx(30)
    assert call.first_after_up_ms(1_000) is None
    assert call.connect_ms == pytest.approx(100)


def test_packets_with_sound_are_counted_within_the_look() -> None:
    call = _heard((10.0, 500), (10.02, 500), (10.04, 30), (11.0, 500))
    assert call.loud_after(10.01, 0.5) == 1
    assert call.loud_after(9.0, 0.5) == 0


def test_levels_of_opus_packets_are_those_of_what_was_said() -> None:
    loud = (8_000 * np.sin(np.arange(16_000) / 8)).astype("<i2").tobytes()
    levels = decode_levels(encode(bytes(16_000) + loud))
    assert max(levels[:20]) < SOFT
    assert min(levels[30:70]) > LOUD
