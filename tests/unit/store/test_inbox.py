"""Tests of gateway/store/inbox.py, on a database in memory."""

import pytest

from gateway.model.messages import Channel, InboundMessage, Media
from gateway.store import inbox
from tests.support.direct_database import DirectDatabase


@pytest.fixture
def connection():
    database = DirectDatabase()
    with database.begin() as connection:
        yield connection
    database.close()


def inbound(number, **more):
    values = {
        "provider": "twilio",
        "provider_id": f"SM{number}",
        "channel": Channel.WHATSAPP,
        "sender": "+491701",
        "recipient": "+4930100",
        "text": "Grüße 👋",
        "received_at": float(number),
        "sender_name": "Ann",
        "media": (Media(url="https://example.org/1", content_type="image/png"),),
    }
    return InboundMessage(**values | more)


def test_a_message_is_taken_once_and_waits_until_it_is_processed(connection):
    first, second = inbound(1), inbound(2)

    assert inbox.receive(connection, first)
    assert inbox.receive(connection, second)
    assert not inbox.receive(connection, first)
    assert [message for _, message in inbox.waiting(connection, limit=9)] == [first, second]

    inbox.processed(connection, "twilio", "SM1", at=5.0)
    ((seq, message),) = inbox.waiting(connection, limit=9)
    assert message == second
    assert inbox.waiting(connection, after_seq=seq, limit=9) == []
    assert not inbox.receive(connection, first)


def test_two_providers_may_use_one_id(connection):
    assert inbox.receive(connection, inbound(1))
    assert inbox.receive(connection, inbound(1, provider="telegram"))


def test_the_last_time_a_person_wrote_is_known_by_channel(connection):
    inbox.receive(connection, inbound(1))
    inbox.receive(connection, inbound(7))
    inbox.receive(connection, inbound(9, channel=Channel.SMS))

    def last(channel):
        return inbox.last_inbound_at(connection, channel, sender="+491701", recipient="+4930100")

    assert last(Channel.WHATSAPP) == 7.0
    assert last(Channel.SMS) == 9.0
    assert last(Channel.RCS) is None
