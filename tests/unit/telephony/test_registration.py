"""When we register with a trunk, when again, and how we go."""

import random

from hypothesis import given
from hypothesis import strategies as st

from telephony.registration import (
    ANSWER_BOUND_S,
    JITTER,
    Ask,
    Pauses,
    Registration,
    RegistrationState,
)

PAUSES = Pauses(5.0, 60.0)
STATE = RegistrationState


def made() -> Registration:
    return Registration(PAUSES, random.Random(1))


def registered() -> Registration:
    one = made()
    assert one.poll(0.0) is Ask.REGISTER
    one.answered(200, True, 0.1)
    return one


def test_registers_once_and_leaves_refreshing_to_the_stack() -> None:
    one = registered()
    assert one.is_registered
    assert [one.poll(float(now)) for now in range(1_000)] == [None] * 1_000


def test_pauses_grow_after_failures_up_to_the_longest() -> None:
    one, now, pauses = made(), 0.0, []
    for _ in range(8):
        while one.poll(now) is None:
            now += 0.5
        one.answered(503, False, now)
        began = now
        while one.state is STATE.WAITING and one._due_s is not None and now < one._due_s:
            now += 0.5
        pauses.append(now - began)
    for pause, wanted in zip(pauses, (5, 10, 20, 40, 60, 60, 60, 60), strict=True):
        assert wanted * (1 - JITTER) <= pause <= wanted * (1 + JITTER) + 0.5


def test_a_success_makes_pauses_short_again() -> None:
    one = made()
    for _ in range(5):
        one.poll(1e9)
        one.answered(503, False, 0.0)
    one.poll(1e9)
    one.answered(200, True, 0.0)
    one.answered(408, False, 100.0)
    assert one.poll(100.0 + 5 * (1 - JITTER) - 0.1) is None
    assert one.poll(100.0 + 5 * (1 + JITTER)) is Ask.REGISTER


def test_an_answer_that_never_comes_is_asked_for_again() -> None:
    one = made()
    one.poll(0.0)
    assert one.poll(ANSWER_BOUND_S - 0.1) is None
    assert one.poll(ANSWER_BOUND_S) is Ask.REGISTER


def test_withdraws_what_is_registered() -> None:
    one = registered()
    assert one.withdraw(10.0, 2.0) is Ask.WITHDRAW
    assert not one.is_settled
    assert one.withdraw(10.5, 2.0) is None
    one.answered(200, False, 11.0)
    assert one.is_settled
    assert one.poll(1e9) is None


def test_does_not_wait_for_a_trunk_that_does_not_answer_the_withdrawal() -> None:
    one = registered()
    one.withdraw(10.0, 2.0)
    assert one.poll(12.0) is None
    assert one.is_settled


def test_nothing_is_to_be_withdrawn_after_a_failure() -> None:
    one = made()
    one.poll(0.0)
    one.answered(403, False, 0.1)
    assert one.withdraw(1.0, 2.0) is None
    assert one.is_settled


def test_what_is_accepted_while_we_leave_is_taken_back() -> None:
    one = made()
    one.poll(0.0)
    assert one.withdraw(0.1, 2.0) is None
    one.answered(200, True, 0.2)
    assert one.poll(0.2) is Ask.WITHDRAW
    one.answered(200, False, 0.3)
    assert one.is_settled


@given(st.lists(st.sampled_from(["poll", "ok", "fail", "gone", "withdraw"]), max_size=40))
def test_whatever_comes_it_settles_after_a_withdrawal(steps) -> None:
    one, now = made(), 0.0
    for step in steps:
        now += 1.0
        match step:
            case "poll":
                one.poll(now)
            case "ok":
                one.answered(200, True, now)
            case "fail":
                one.answered(500, False, now)
            case "gone":
                one.answered(200, False, now)
            case "withdraw":
                one.withdraw(now, 2.0)
    one.withdraw(now, 2.0)
    for _ in range(4):
        now += 2.0
        one.poll(now)
    assert one.is_settled
    assert one.poll(now + 1e6) is None
