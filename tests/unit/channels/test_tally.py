"""Tests of gateway/channels/tally.py on the real statements."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.channels.fallback.incident import Form
from gateway.channels.fallback.policy import Pass, Reason, Send
from gateway.channels.fallback.triggers import Trigger
from gateway.channels.tally import Tally, passed
from gateway.model.messages import Accepted, Channel, InboundMessage, MessageStatus, Receipt
from gateway.store import outbox_writes as writes
from gateway.store.message_states import Trigger as Moves
from gateway.store.outbox_writes import Failure
from gateway.store.receipt_writes import apply_receipt
from tests.support.direct_database import DirectDatabase
from tests.support.messages import outbound

QUEUED, SENDING, SENT, DELIVERED, READ, FAILED, DEAD = MessageStatus


class Rig:
    def __init__(self):
        self.messages = Counter()
        self.fallbacks = Counter()
        self.tally = Tally(
            lambda channel, status: self.messages.update([(channel, status)]),
            lambda reason, channel: self.fallbacks.update([(reason, channel)]),
        )

    @property
    def statuses(self):
        return {status: count for (_, status), count in self.messages.items()}


@pytest.fixture
def rig():
    return Rig()


@pytest.mark.parametrize(
    ("before", "after", "counted"),
    [
        (None, QUEUED, (QUEUED,)),
        (SENDING, SENT, (SENT,)),
        (SENT, SENT, ()),
        # The receipts overtook the answer to the request.
        (SENDING, DELIVERED, (SENT, DELIVERED)),
        (QUEUED, READ, (SENT, DELIVERED, READ)),
        (SENT, READ, (DELIVERED, READ)),
        (DELIVERED, READ, (READ,)),
        (SENDING, FAILED, (FAILED,)),
        (SENT, FAILED, (FAILED,)),
        (SENDING, DEAD, (DEAD,)),
        # It waits for its next attempt.
        (SENDING, QUEUED, ()),
        (QUEUED, SENDING, ()),
        # An operator has it sent again.
        (FAILED, QUEUED, (QUEUED,)),
        (DEAD, QUEUED, (QUEUED,)),
        (DEAD, SENT, (SENT,)),
    ],
)
def test_what_is_counted_of_a_change(before, after, counted):
    assert passed(before, after) == counted


def test_a_message_of_somebody_is_received(rig):
    rig.tally.received(
        InboundMessage(
            provider="twilio",
            provider_id="SM1",
            channel=Channel.WHATSAPP,
            sender="+1",
            recipient="+2",
            text="hi",
            received_at=0.0,
        )
    )
    assert rig.messages == {("whatsapp", "received"): 1}


def test_a_retried_message_is_queued_once_and_failed_once(rig, database):
    message = outbound()

    def work(connection):
        writes.accept(connection, message, at=1.0, not_before=1.0)
        rig.tally.changed(writes.get(connection, "m_1"))
        for attempt in (2.0, 3.0):
            writes.claim(connection, "m_1", provider="fake", at=attempt)
            trigger = Moves.POSTPONED if attempt == 2.0 else Moves.REFUSED
            record = writes.not_taken(
                connection, "m_1", Failure(code="1", detail=""), trigger, at=attempt
            )
            rig.tally.changed(record)

    database.run(work)
    assert rig.statuses == {"queued": 1, "failed": 1}


def test_a_replayed_message_is_queued_again(rig, database):
    def work(connection):
        writes.accept(connection, outbound(), at=1.0, not_before=1.0)
        writes.claim(connection, "m_1", provider="fake", at=2.0)
        failure = Failure(code="1", detail="")
        rig.tally.changed(writes.not_taken(connection, "m_1", failure, Moves.REFUSED, at=3.0))
        rig.tally.changed(writes.replay(connection, "m_1", at=4.0))

    database.run(work)
    assert rig.statuses == {"failed": 1, "queued": 1}


receipts = st.lists(st.sampled_from((SENT, DELIVERED, READ, FAILED)), max_size=8)


@settings(max_examples=40, deadline=None)
@given(before=receipts, after=receipts)
def test_receipts_in_any_order_and_number_count_each_status_once(before, after):
    rig, database = Rig(), DirectDatabase()

    def receive(connection, statuses):
        for status in statuses:
            receipt = Receipt(provider="fake", provider_id="P1", status=status, at=3.0)
            if (record := apply_receipt(connection, receipt)) is not None:
                rig.tally.changed(record)

    def work(connection):
        writes.accept(connection, outbound(), at=1.0, not_before=1.0)
        rig.tally.changed(writes.get(connection, "m_1"))
        writes.claim(connection, "m_1", provider="fake", at=2.0)
        receive(connection, before)
        rig.tally.changed(writes.taken(connection, "m_1", Accepted(provider_id="P1"), at=2.5))
        receive(connection, after)
        return writes.get(connection, "m_1").status

    last = database.run(work)
    database.close()
    counts = rig.statuses
    assert max(counts.values()) == 1
    assert counts[last.value] == 1
    assert counts["queued"] == 1
    ladder = [counts.get(status.value, 0) for status in (QUEUED, SENT, DELIVERED, READ)]
    assert ladder == sorted(ladder, reverse=True)


def test_a_fallback_counts_when_something_is_sent(rig):
    send = Send(
        channel=Channel.SMS,
        sender="+1",
        recipient="+2",
        form=Form.TEXT,
        cause="x",
        not_before=0.0,
        not_after=1.0,
    )
    rig.tally.decided(Trigger.MISSED, send)
    rig.tally.decided(Trigger.CUT, Pass(reason=Reason.OPTED_OUT))
    assert rig.fallbacks == {("missed", "sms"): 1}
