"""An answer by mail goes to the room of what it answers, and our answer names the mail that it answers."""

from dataclasses import replace

import pytest

from gateway.model.messages import Channel, InboundMessage
from gateway.store import inbox, outbox_writes, room_lines
from gateway.store.schema_messages import messages
from tests.support.messages import outbound
from tests.unit.rooms.test_text_desk import Bench

MAIL = InboundMessage(
    provider="email",
    provider_id="<1@example.com>",
    channel=Channel.EMAIL,
    sender="ann@example.com",
    recipient="desk@example.org",
    text="Yes",
    received_at=1.0,
    subject="Hours",
    reply_to="m_1",
)


@pytest.fixture
def bench(database):
    return Bench(database)


@pytest.mark.parametrize(
    ("written_to", "goes_there"),
    [("Ann@Example.com", True), ("bob@example.com", False)],
)
def test_the_thread_decides_the_room_if_it_was_with_this_person(bench, written_to, goes_there):
    def work(connection):
        room_id = room_lines.room_of(
            connection, Channel.SMS, number="+4930100", address="+491701", at=1.0
        )
        earlier = outbound(room_id=room_id, channel=Channel.EMAIL, sender="", recipient=written_to)
        outbox_writes.accept(connection, earlier, at=1.0, not_before=1.0)
        return room_id, room_lines.room_of_message(connection, MAIL, at=2.0)

    first, found = bench.database.run(work)
    assert (found == first) == goes_there


async def test_our_answer_names_the_mail_and_keeps_its_subject(bench):
    bench.database.run(lambda connection: inbox.receive(connection, MAIL))
    other = replace(MAIL, provider="twilio", provider_id="SM1", channel=Channel.SMS, sender="+491")
    bench.database.run(lambda connection: inbox.receive(connection, other))
    await bench.run(bench.desk())
    found = {row.channel: (row.subject, row.reply_to) for row in bench.rows(messages)}
    assert found == {"email": ("Hours", "<1@example.com>"), "sms": ("Hours", "")}
