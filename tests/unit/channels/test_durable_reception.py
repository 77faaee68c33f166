"""Tests of gateway/channels/durable_reception.py on the real statements."""

import pytest

from gateway.channels.durable_reception import DurableReception
from gateway.channels.keywords import Keyword
from gateway.channels.reception import KeywordAnswer
from gateway.model.messages import Channel, InboundMessage, MessageStatus, Receipt
from gateway.store import inbox, people
from tests.support.direct_database import DirectDatabase

PERSON = "+15550100001"


class Rig:
    def __init__(self):
        self.database = DirectDatabase()
        self.looks = 0
        self.receipts = []
        self.answers = []
        self.reception = DurableReception(
            self.database,
            on_message=self.look,
            on_receipt=self.on_receipt,
            on_keyword=self.on_keyword,
            clock=lambda: 5.0,
        )

    def look(self):
        self.looks += 1

    async def on_receipt(self, receipt):
        self.receipts.append(receipt)

    async def on_keyword(self, message, keyword):
        self.answers.append(keyword)

    def is_out(self, channel=Channel.SMS):
        return self.database.run(lambda c: people.is_opted_out(c, channel, PERSON))

    def waiting(self):
        return [m for _, m in self.database.run(lambda c: inbox.waiting(c, limit=10))]


@pytest.fixture
def rig():
    made = Rig()
    yield made
    made.database.close()


def message(number=1, channel=Channel.SMS):
    return InboundMessage(
        provider="twilio",
        provider_id=f"SM{number}",
        channel=channel,
        sender=PERSON,
        recipient="+15550100002",
        text="hi",
        received_at=1.0,
    )


async def test_a_message_that_comes_twice_waits_once(rig):
    await rig.reception.message(message())
    await rig.reception.message(message())
    await rig.reception.message(message(2))
    assert rig.waiting() == [message(), message(2)]
    assert rig.looks == 3


async def test_a_stop_holds_on_every_channel_and_nobody_answers_it(rig):
    await rig.reception.keyword(message(), Keyword.STOP, KeywordAnswer.OURS)
    assert rig.is_out(Channel.SMS)
    assert rig.is_out(Channel.WHATSAPP)
    assert await rig.reception.is_opted_out(message(channel=Channel.VOICE))
    assert not rig.answers
    assert not rig.waiting()


async def test_a_stop_that_comes_again_after_a_start_changes_nothing(rig):
    await rig.reception.keyword(message(1), Keyword.STOP, KeywordAnswer.OURS)
    await rig.reception.keyword(message(2), Keyword.START, KeywordAnswer.OURS)
    await rig.reception.keyword(message(1), Keyword.STOP, KeywordAnswer.OURS)
    assert not rig.is_out()
    assert rig.answers == [Keyword.START]


async def test_a_start_is_a_consent_for_its_channel_once(rig):
    def given(channel):
        return rig.database.run(lambda c: people.consent(c, channel, PERSON))

    for _ in range(2):
        await rig.reception.keyword(message(), Keyword.START, KeywordAnswer.OURS)
    assert (given(Channel.SMS), given(Channel.WHATSAPP)) == (True, None)
    await rig.reception.keyword(message(2), Keyword.STOP, KeywordAnswer.OURS)
    assert rig.is_out()


async def test_what_the_provider_answered_is_not_answered_again(rig):
    for keyword in Keyword:
        await rig.reception.keyword(message(), keyword, KeywordAnswer.PROVIDERS)
    assert not rig.answers
    await rig.reception.keyword(message(), Keyword.HELP, KeywordAnswer.OURS)
    assert rig.answers == [Keyword.HELP]


async def test_receipts_go_to_the_outbox(rig):
    receipt = Receipt(provider="twilio", provider_id="SM1", status=MessageStatus.READ, at=1.0)
    await rig.reception.receipt(receipt)
    assert rig.receipts == [receipt]
