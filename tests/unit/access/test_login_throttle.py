"""Tests of gateway/access/login_throttle.py: waits double, end, and cannot be used to fill the memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.login_throttle import FORGET_S, FREE, LONGEST_S, LoginThrottle, lock_s

RIGHT, OTHER = b"right", b"other"


def locked(now_s: float = 0.0, *, failures: int = FREE + 1) -> LoginThrottle:
    throttle = LoginThrottle()
    for _ in range(failures):
        throttle.failed("192.0.2.1", now_s)
    return throttle


def test_some_mistakes_cost_nothing():
    throttle = locked(failures=FREE)

    assert throttle.failed("192.0.2.1", 0.0) == 0
    assert throttle.failed("192.0.2.1", 0.0) == 1


@pytest.mark.parametrize(
    ("failures", "wait_s"),
    [(0, 0), (FREE, 0), (FREE + 1, 1), (FREE + 2, 2), (FREE + 5, 16), (FREE + 40, LONGEST_S)],
)
def test_waits_double_up_to_a_bound(failures, wait_s):
    assert lock_s(failures) == wait_s
    assert lock_s(10_000) == LONGEST_S


def test_what_is_tried_during_a_wait_does_not_lengthen_it():
    throttle = locked()

    assert [throttle.failed("192.0.2.1", at) for at in (0.1, 0.5, 0.9)] == [1, 1, 1]
    assert throttle.failed("192.0.2.1", 1.0) == 0
    assert throttle.failed("192.0.2.1", 1.0) == 2


def test_a_right_token_from_a_guessing_address_waits_too():
    throttle = locked()

    assert throttle.succeeded("192.0.2.1", RIGHT, 0.5) == 1
    assert throttle.succeeded("192.0.2.1", RIGHT, 1.0) == 0


def test_who_was_let_in_before_from_there_is_not_locked_out_by_others():
    throttle = LoginThrottle()
    throttle.succeeded("192.0.2.1", RIGHT, 0.0)
    for _ in range(FREE + 1):
        throttle.failed("192.0.2.1", 1.0)

    assert throttle.succeeded("192.0.2.1", RIGHT, 1.0) == 0
    assert throttle.succeeded("192.0.2.1", OTHER, 1.0) == 1


def test_a_success_does_not_clear_the_guesses():
    throttle = locked(failures=FREE)
    throttle.succeeded("192.0.2.1", RIGHT, 0.0)
    throttle.failed("192.0.2.1", 0.0)

    assert throttle.failed("192.0.2.1", 0.0) == 1


def test_another_address_is_not_touched_and_a_whole_ipv6_network_is_one():
    throttle = LoginThrottle()
    for last in range(FREE + 1):
        throttle.failed(f"2001:db8::{last:x}", 0.0)

    assert throttle.failed("2001:db8::ffff", 0.0) == 1
    assert throttle.failed("2001:db8:0:1::1", 0.0) == 0


def test_an_address_that_is_quiet_begins_anew():
    throttle = locked()
    throttle.failed("192.0.2.1", FORGET_S - 1)
    assert throttle.failed("192.0.2.1", FORGET_S - 1) == 2

    assert throttle.failed("192.0.2.1", 2 * FORGET_S - 1) == 0
    assert throttle.failed("192.0.2.1", 2 * FORGET_S - 1) == 0


@given(
    st.lists(
        st.tuples(
            st.integers(0, 30), st.booleans(), st.floats(0, 400, allow_nan=False), st.integers(0, 5)
        ),
        max_size=200,
    )
)
def test_whatever_comes_the_tables_stay_bounded_and_waits_within_bounds(attempts):
    throttle = LoginThrottle(addresses_limit=8, known_limit=4)
    now_s = 0.0
    for host, is_right, later_s, token in attempts:
        now_s += later_s
        address = f"192.0.2.{host}"
        wait_s = (
            throttle.succeeded(address, bytes([token]), now_s)
            if is_right
            else throttle.failed(address, now_s)
        )

        assert 0 <= wait_s <= LONGEST_S
        assert len(throttle) <= 8
        assert len(throttle._known) <= 4
        # Whoever waits as long as he was told is looked at again.
        assert not wait_s or throttle._wait_s(address, now_s + wait_s) == 0
