"""Tests of gateway/channels/outbox/retry.py."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.channels.outbox.retry import RetryPolicy


@given(st.integers(1, 100), st.integers())
def test_the_delay_doubles_with_jitter_up_to_its_limit(tries, seed):
    policy = RetryPolicy(first_s=2.0, most_s=60.0)
    full_s = min(2.0 * 2.0 ** (tries - 1), 60.0)

    delay_s = policy.delay_s(tries, random.Random(seed))

    assert full_s / 2 <= delay_s <= full_s


@given(st.floats(0.0, 5_000.0), st.integers())
def test_a_provider_that_asks_for_more_time_gets_it(asked_s, seed):
    delay_s = RetryPolicy().delay_s(1, random.Random(seed), at_least_s=asked_s)

    assert asked_s <= delay_s <= asked_s + 4.0


@pytest.mark.parametrize("asked_s", [1e9, float("9" * 400)])
def test_a_time_that_cannot_be_meant_is_a_day(asked_s):
    assert 86_400.0 <= RetryPolicy().delay_s(1, random.Random(1), at_least_s=asked_s) <= 86_402.0


def test_those_that_failed_together_do_not_return_together():
    dice, policy = random.Random(1), RetryPolicy()
    delays = {round(policy.delay_s(3, dice), 3) for _ in range(50)}

    assert len(delays) > 40
