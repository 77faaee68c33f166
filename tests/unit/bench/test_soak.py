"""The judgement of the soak: what grows is told from what goes up and down."""

import random

import pytest

from tests.load.processes import Usage
from tests.load.soak import Sample, growth


def samples(rss, *, files=lambda _at: 50, count: int = 60) -> list[Sample]:
    return [
        Sample(
            at,
            10,
            {"gateway": Usage(cpu_s=0.0, rss_mb=rss(at), descriptors=files(at), threads=12)},
        )
        for at in range(0, count * 5, 5)
    ]


def test_what_warms_up_and_then_stays_is_flat():
    found = growth(samples(lambda at: 300 + min(at, 90)), "gateway")
    assert found is not None
    assert found.is_memory_flat
    assert found.are_handles_flat


def test_what_goes_up_and_down_with_the_calls_is_flat():
    dice = random.Random(7)
    found = growth(
        samples(lambda _at: 300 + dice.random() * 20, files=lambda _at: 50 + dice.randrange(40)),
        "gateway",
    )
    assert found is not None
    assert found.is_memory_flat


@pytest.mark.parametrize(
    ("rss", "files", "is_memory_flat", "are_handles_flat"),
    [
        (lambda at: 300 + at * 0.2, lambda _at: 50, False, True),
        (lambda _at: 300, lambda at: 50 + at // 10, True, False),
    ],
)
def test_what_grows_without_end_is_not_flat(rss, files, is_memory_flat, are_handles_flat):
    found = growth(samples(rss, files=files), "gateway")
    assert found is not None
    assert (found.is_memory_flat, found.are_handles_flat) == (is_memory_flat, are_handles_flat)


def test_too_few_looks_tell_nothing():
    assert growth(samples(lambda _at: 300, count=5), "gateway") is None
    assert growth([], "gateway") is None
    assert growth(samples(lambda _at: 300), "nobody") is None
