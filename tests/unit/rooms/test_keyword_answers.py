"""Tests of gateway/rooms/keyword_answers.py on the real statements."""

import pytest

from gateway.channels.keywords import Keyword
from gateway.channels.outbox.outbox import Acknowledgement
from gateway.model.messages import Channel, InboundMessage
from gateway.rooms.keyword_answers import KeywordAnswers
from gateway.rooms.letters import Letters
from gateway.store.outbox_writes import Acceptance

MESSAGE = InboundMessage(
    provider="twilio",
    provider_id="SM1",
    channel=Channel.SMS,
    sender="+15550100001",
    recipient="+15550100000",
    text="HELP",
    received_at=5.0,
)


class Outbox:
    def __init__(self):
        self.accepted = []

    async def accept(self, message, *, not_before=None):
        self.accepted.append(message)
        return Acknowledgement(acceptance=Acceptance.ACCEPTED, message_id=message.message_id)


@pytest.fixture
def outbox():
    return Outbox()


@pytest.fixture
def answers(database, outbox):
    letters = Letters(database, outbox, lambda _channel, text: [text], clock=lambda: 5.0)
    return KeywordAnswers(database, letters, help_text="Ask us.", start_text="", clock=lambda: 5.0)


async def test_help_is_answered_where_it_was_asked(answers, outbox):
    await answers.answer(MESSAGE, Keyword.HELP)

    (sent,) = outbox.accepted
    assert (sent.channel, sent.sender, sent.recipient, sent.text) == (
        Channel.SMS,
        MESSAGE.recipient,
        MESSAGE.sender,
        "Ask us.",
    )


async def test_one_message_has_one_cause_however_often_it_is_told(answers, outbox):
    await answers.answer(MESSAGE, Keyword.HELP)
    await answers.answer(MESSAGE, Keyword.HELP)

    assert len({(sent.cause, sent.message_id) for sent in outbox.accepted}) == 1


async def test_an_empty_text_is_not_sent(answers, outbox):
    await answers.answer(MESSAGE, Keyword.START)

    assert outbox.accepted == []
