"""Tests of gateway/http/connection_limits.py: counting in and out, and who counts as one."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.http.connection_limits import ConnectionLimits


def test_one_address_is_held_and_others_are_not():
    limits = ConnectionLimits(most=10, most_of_one=2)

    assert [limits.opened("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert limits.opened("192.0.2.2")
    limits.closed("192.0.2.1")
    assert limits.opened("192.0.2.1")
    assert limits.refused == 1


def test_all_together_are_held():
    limits = ConnectionLimits(most=3, most_of_one=3)
    assert [limits.opened(f"192.0.2.{n}") for n in range(4)] == [True, True, True, False]


def test_a_whole_ipv6_network_is_one():
    limits = ConnectionLimits(most=9, most_of_one=1)
    assert limits.opened("2001:db8::1")
    assert not limits.opened("2001:db8::2")
    assert limits.opened("2001:db8:0:1::1")


def test_who_speaks_for_many_is_held_by_the_whole_only():
    limits = ConnectionLimits(most=4, most_of_one=1, trusted=["192.0.2.0/24"])
    for address in ("127.0.0.1", "127.0.0.1", "192.0.2.9", "192.0.2.9"):
        assert limits.opened(address)
    assert not limits.opened("127.0.0.1")
    limits.closed("192.0.2.9")
    assert limits.opened("")


@given(st.lists(st.tuples(st.sampled_from(["192.0.2.1", "192.0.2.2", "::1", ""]), st.booleans())))
def test_counts_stay_true_and_nothing_is_kept_of_who_left(steps):
    limits = ConnectionLimits(most=6, most_of_one=3)
    open_now: Counter[str] = Counter()
    for address, opens in steps:
        if opens:
            open_now[address] += limits.opened(address)
        elif open_now[address]:
            limits.closed(address)
            open_now[address] -= 1
        assert len(limits) == open_now.total() <= 6
    for address in list(open_now.elements()):
        limits.closed(address)
    assert not limits._open
