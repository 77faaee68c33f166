"""Tests of gateway/store/message_states.py: every pair, and every order of receipts."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidTransition
from gateway.model.messages import MessageStatus as Status
from gateway.store.message_states import RECEIPTS, TRANSITIONS, Trigger, advance, may_replay

RANK = {Status.QUEUED: 0, Status.SENDING: 0, Status.DEAD: 1, Status.SENT: 2}
RANK |= {Status.DELIVERED: 3, Status.FAILED: 4, Status.READ: 4}


@pytest.mark.parametrize(("status", "trigger"), list(itertools.product(Status, Trigger)))
def test_every_pair_is_a_row_or_refused_or_a_receipt_without_effect(status, trigger):
    if (status, trigger) in TRANSITIONS:
        assert advance(status, trigger) is TRANSITIONS[status, trigger]
    elif trigger in RECEIPTS.values():
        assert advance(status, trigger) is status
    else:
        with pytest.raises(InvalidTransition):
            advance(status, trigger)


@given(st.sampled_from(Status), st.lists(st.sampled_from(list(RECEIPTS.values()))))
def test_receipts_in_any_order_never_move_a_status_back(status, receipts):
    for receipt in receipts:
        after = advance(status, receipt)
        assert RANK[after] >= RANK[status]
        # The same receipt again changes nothing.
        assert advance(after, receipt) is after
        status = after


@given(st.permutations([Status.SENT, Status.DELIVERED, Status.READ]))
def test_the_last_status_does_not_depend_on_the_order_of_receipts(order):
    status = Status.SENDING
    for receipt in order:
        status = advance(status, RECEIPTS[receipt])

    assert status is Status.READ


@pytest.mark.parametrize("arrived", [Status.SENT, Status.DELIVERED, Status.READ, Status.FAILED])
def test_what_the_provider_reported_outweighs_a_late_answer(arrived):
    for answer in (Trigger.TAKEN, Trigger.POSTPONED, Trigger.REFUSED, Trigger.GIVEN_UP):
        assert advance(arrived, answer) is arrived


def test_only_what_failed_is_replayed():
    assert {status for status in Status if may_replay(status)} == {Status.FAILED, Status.DEAD}
