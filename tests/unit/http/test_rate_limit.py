"""Tests of gateway/http/rate_limit.py: bursts, refills, and a bounded memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.rate_limit import RateLimit, network_of


def test_a_burst_passes_then_the_rate_holds():
    limit = RateLimit(60)

    first = [limit.ask("192.0.2.1", 0.0) for _ in range(60)]

    assert set(first) == {0}
    assert limit.ask("192.0.2.1", 0.0) == 1
    assert limit.ask("192.0.2.1", 1.0) == 0
    assert limit.ask("192.0.2.1", 1.0) == 1


def test_addresses_do_not_share():
    limit = RateLimit(1)

    assert [limit.ask(f"192.0.2.{n}", 0.0) for n in range(5)] == [0] * 5
    assert limit.ask("192.0.2.1", 0.0) == 60


def test_a_clock_that_stands_still_or_goes_back_gives_nothing():
    limit = RateLimit(1)
    limit.ask("a", 100.0)

    assert limit.ask("a", 50.0) > 0


def test_memory_is_bounded():
    limit = RateLimit(5, addresses_limit=10)
    for number in range(1000):
        limit.ask(f"10.0.{number // 250}.{number % 250}", float(number))

    assert len(limit) == 10


@given(st.floats(1, 1000), st.lists(st.floats(0, 30), max_size=200))
def test_never_more_than_burst_and_rate(per_minute, pauses):
    limit, now_s, passed = RateLimit(per_minute), 0.0, 0
    for pause in pauses:
        now_s += pause
        passed += limit.ask("a", now_s) == 0

    assert passed <= per_minute + now_s * per_minute / 60 + 1e-6


@given(st.floats(0.5, 1000), st.integers(0, 100))
def test_who_waits_as_told_passes(per_minute, asks):
    limit = RateLimit(per_minute)
    for _ in range(asks):
        limit.ask("a", 0.0)

    wait_s = limit.ask("a", 0.0)

    assert wait_s == 0 or limit.ask("a", float(wait_s)) == 0


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_what_counts_as_one_address(address, key):
    assert network_of(address) == key
