"""Tests of gateway/store/whatsapp_ids.py, and of what follows for people and rooms."""

import phonenumbers
import pytest

from gateway.channels.durable_reception import DurableReception
from gateway.channels.keywords import Keyword
from gateway.channels.reception import KeywordAnswer
from gateway.model.messages import Channel, InboundMessage
from gateway.store import inbox, outbox_writes, people, room_lines
from gateway.store.whatsapp_ids import network_number, spellings
from tests.support.direct_database import DirectDatabase
from tests.support.messages import outbound

OURS, SENDER = "+15550100000", "+15550100009"
PAIRS = [
    ("+5215512345678", "+525512345678"),
    ("+553188887777", "+5531988887777"),
]
OTHERS = ["+4915112345678", "+553133334444", "+15550100001", "+5215", "ann"]


@pytest.mark.parametrize(("whatsapp_id", "number"), PAIRS)
def test_whatsapps_spelling_is_that_of_a_number(whatsapp_id, number):
    assert phonenumbers.is_valid_number(phonenumbers.parse(number))
    assert network_number(Channel.WHATSAPP, whatsapp_id) == number
    assert spellings(Channel.WHATSAPP, whatsapp_id) == (whatsapp_id, number)
    assert spellings(Channel.WHATSAPP, number) == (number, whatsapp_id)
    assert spellings(Channel.SMS, number) == (number,)


@pytest.mark.parametrize("address", OTHERS)
def test_other_addresses_are_as_they_are(address):
    for channel in (Channel.WHATSAPP, Channel.SMS):
        assert network_number(channel, address) == address
        assert spellings(channel, address) == (address,)


def message(whatsapp_id, text="hi"):
    return InboundMessage(
        provider="twilio",
        provider_id=f"SM-{text}",
        channel=Channel.WHATSAPP,
        sender=whatsapp_id,
        recipient=SENDER,
        text=text,
        received_at=5.0,
    )


@pytest.fixture
def database():
    made = DirectDatabase()
    yield made
    made.close()


@pytest.fixture
def reception(database):
    async def nothing(*_):
        return None

    return DurableReception(
        database,
        on_message=lambda: None,
        on_receipt=nothing,
        on_keyword=nothing,
        clock=lambda: 5.0,
    )


@pytest.mark.parametrize(("whatsapp_id", "number"), PAIRS)
async def test_who_answers_by_whatsapp_is_in_the_room_of_the_call(
    database, reception, whatsapp_id, number
):
    room_id = database.run(
        lambda c: room_lines.room_of(c, Channel.VOICE, number=OURS, address=number, at=1.0)
    )
    written = outbound(
        1, room_id=room_id, channel=Channel.WHATSAPP, sender=SENDER, recipient=number
    )
    database.run(lambda c: outbox_writes.accept(c, written, at=1.0, not_before=1.0))
    answer = message(whatsapp_id)
    await reception.message(answer)
    assert database.run(lambda c: room_lines.room_of_message(c, answer, at=6.0)) == room_id
    # And the window is open under the number, too.
    wrote_at = database.run(
        lambda c: inbox.last_inbound_at(c, Channel.WHATSAPP, sender=number, recipient=SENDER)
    )
    assert wrote_at == 5.0


@pytest.mark.parametrize(("whatsapp_id", "number"), PAIRS)
async def test_a_stop_by_whatsapp_holds_for_the_number(database, reception, whatsapp_id, number):
    await reception.keyword(message(whatsapp_id, "stop"), Keyword.STOP, KeywordAnswer.OURS)
    assert database.run(lambda c: people.is_opted_out(c, Channel.SMS, number))


@pytest.mark.parametrize(("whatsapp_id", "number"), PAIRS)
def test_a_stop_by_the_number_holds_for_whatsapp(database, whatsapp_id, number):
    database.run(
        lambda c: people.record_opt_out(c, Channel.SMS, number, is_out=True, at=1.0, source="t:1")
    )
    room_id = database.run(
        lambda c: room_lines.room_of(c, Channel.WHATSAPP, number=OURS, address=whatsapp_id, at=2.0)
    )
    written = outbound(1, room_id=room_id, channel=Channel.WHATSAPP, recipient=whatsapp_id)
    acceptance, _ = database.run(lambda c: outbox_writes.accept(c, written, at=3.0, not_before=3.0))
    assert acceptance is outbox_writes.Acceptance.OPTED_OUT


async def test_an_address_that_was_linked_otherwise_stays_so(database, reception):
    whatsapp_id = PAIRS[0][0]
    database.run(lambda c: people.link(c, whatsapp_id, "+15550100077", at=1.0))
    await reception.message(message(whatsapp_id))
    assert database.run(lambda c: people.person_key(c, whatsapp_id)) == "+15550100077"
