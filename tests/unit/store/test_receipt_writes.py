"""Tests of gateway/store/receipt_writes.py, on a database in memory."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model.messages import Accepted, MessageStatus, Receipt
from gateway.store import outbox_reads as reads
from gateway.store import outbox_writes as writes
from gateway.store.message_states import Trigger
from gateway.store.outbox_writes import Failure
from gateway.store.receipt_writes import KEPT_S, apply_receipt
from tests.support.direct_database import DirectDatabase
from tests.support.messages import outbound

SENT, DELIVERED, READ, FAILED = (
    MessageStatus.SENT,
    MessageStatus.DELIVERED,
    MessageStatus.READ,
    MessageStatus.FAILED,
)


@pytest.fixture
def connection():
    database = DirectDatabase()
    with database.begin() as connection:
        begin(connection)
        yield connection
    database.close()


def begin(connection):
    writes.accept(connection, outbound(), at=100.0, not_before=100.0)
    writes.claim(connection, "m_1", provider="twilio", at=101.0)


def receipt(status, *, sid="SM1", code="", at=105.0, message_id=""):
    return Receipt(
        provider="twilio",
        provider_id=sid,
        status=status,
        at=at,
        error_code=code,
        message_id=message_id,
    )


def taken(connection, sid="SM1"):
    return writes.taken(connection, "m_1", Accepted(provider_id=sid), at=102.0)


def status(connection):
    record = writes.get(connection, "m_1")
    assert record is not None
    return record.status


def test_a_failure_is_reported_with_its_code_and_asks_to_be_told(connection):
    taken(connection)

    record = apply_receipt(connection, receipt(FAILED, code="30005"))

    assert record is not None
    assert (record.status, record.error_code, record.changed_at) == (FAILED, "30005", 105.0)
    assert len(reads.untold(connection, limit=9)) == 1


def test_receipts_that_overtake_the_answer_are_applied_with_it(connection):
    assert apply_receipt(connection, receipt(DELIVERED)) is None
    assert apply_receipt(connection, receipt(SENT)) is None
    assert status(connection) is MessageStatus.SENDING

    record = taken(connection)

    assert record is not None
    assert record.status is DELIVERED


def test_receipts_nobody_asks_for_are_forgotten_after_a_day(connection):
    apply_receipt(connection, receipt(DELIVERED))
    apply_receipt(connection, receipt(SENT, sid="SM2", at=106.0 + KEPT_S))

    record = taken(connection)

    assert record is not None
    assert record.status is SENT


def test_a_receipt_with_our_id_tells_what_became_of_a_lost_answer(connection):
    lost = Failure(code="broken", detail="the connection broke")
    writes.unknown(connection, "m_1", lost, at=102.0, next_attempt_at=112.0)

    record = apply_receipt(connection, receipt(SENT, message_id="m_1"))

    assert record is not None
    assert (record.status, record.provider_id, record.error_code) == (SENT, "SM1", "")
    assert apply_receipt(connection, receipt(READ)) is not None
    assert status(connection) is READ


def test_a_receipt_of_an_earlier_attempt_tells_of_arrival_but_not_of_failure(connection):
    taken(connection, "SM1")
    apply_receipt(connection, receipt(FAILED))
    writes.replay(connection, "m_1", at=200.0)

    apply_receipt(connection, receipt(FAILED))
    assert status(connection) is MessageStatus.QUEUED
    writes.claim(connection, "m_1", provider="twilio", at=201.0)
    taken(connection, "SM2")
    apply_receipt(connection, receipt(FAILED))
    assert status(connection) is SENT
    apply_receipt(connection, receipt(DELIVERED))
    assert status(connection) is DELIVERED


def test_what_the_provider_refused_at_once_is_no_match_for_a_receipt(connection):
    refused = Failure(code="500", detail="later")
    writes.not_taken(connection, "m_1", refused, Trigger.POSTPONED, at=102.0, next_attempt_at=110.0)

    assert apply_receipt(connection, receipt(DELIVERED, message_id="m_1")) is None
    assert status(connection) is MessageStatus.QUEUED


def test_a_receipt_of_another_provider_is_not_ours(connection):
    taken(connection)
    other = Receipt(provider="other", provider_id="SM1", status=FAILED, at=105.0)

    assert apply_receipt(connection, other) is None
    assert status(connection) is SENT


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from([SENT, DELIVERED, READ]), min_size=1, max_size=8),
    st.integers(0, 8),
    st.booleans(),
)
def test_the_end_is_the_same_whenever_the_answer_comes(statuses, answer_at, with_id):
    database = DirectDatabase()
    message_id = "m_1" if with_id else ""
    with database.begin() as connection:
        begin(connection)
        for position, reported in enumerate(statuses):
            if position == answer_at:
                taken(connection)
            apply_receipt(connection, receipt(reported, message_id=message_id))
        if answer_at >= len(statuses):
            taken(connection)

        assert status(connection) is max(statuses, key=[SENT, DELIVERED, READ].index)
    database.close()
