"""Tests of gateway/rooms/keyword_answers.py on the real statements."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from gateway.channels.keywords import Keyword
from gateway.channels.outbox.outbox import Acknowledgement
from gateway.model.messages import Channel, InboundMessage
from gateway.rooms.keyword_answers import KeywordAnswers
from gateway.rooms.letters import Letters
from gateway.rooms.text_gate import Greeting
from gateway.store import people
from gateway.store.outbox_writes import Acceptance
from gateway.store.schema import timeline

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


START = replace(MESSAGE, channel=Channel.TELEGRAM, provider_id="T1", text="start")


def with_greeting(database, outbox):
    letters = Letters(database, outbox, lambda _channel, text: [text], clock=lambda: 5.0)
    return KeywordAnswers(
        database,
        letters,
        help_text="Ask us.",
        start_text="Again.",
        clock=lambda: 5.0,
        greeting_for=lambda _number, _channel: Greeting("agent", "Hello."),
    )


def lines(database):
    rows = database.run(lambda c: c.execute(select(timeline).order_by(timeline.c.seq)).all())
    return [(row.kind, row.text) for row in rows]


async def test_a_start_that_begins_a_conversation_is_greeted_once(database, outbox):
    answers = with_greeting(database, outbox)
    for _ in range(2):
        await answers.answer(START, Keyword.START)

    assert {(sent.text, sent.message_id) for sent in outbox.accepted} == {
        ("Hello.", outbox.accepted[0].message_id)
    }
    assert lines(database) == [("text_greeting", "Hello.")]
    again = replace(START, provider_id="T2")
    await answers.answer(again, Keyword.START)
    assert outbox.accepted[-1].text == "Again."


async def test_a_start_after_a_stop_is_no_beginning(database, outbox):
    for is_out in (True, False):
        database.run(
            lambda c, is_out=is_out: people.record_opt_out(
                c, START.channel, START.sender, is_out=is_out, at=1.0, source=f"t:{is_out}"
            )
        )
    await with_greeting(database, outbox).answer(START, Keyword.START)

    assert [sent.text for sent in outbox.accepted] == ["Again."]
    assert lines(database) == [("message_written", "Again.")]


async def test_help_is_never_a_greeting(database, outbox):
    await with_greeting(database, outbox).answer(START, Keyword.HELP)

    assert [sent.text for sent in outbox.accepted] == ["Ask us."]


async def test_an_empty_text_is_not_sent(answers, outbox):
    await answers.answer(MESSAGE, Keyword.START)

    assert outbox.accepted == []
