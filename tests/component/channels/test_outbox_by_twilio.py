"""The outbox, Twilio's transport and the status webhook together: one delivery for each cause, whatever breaks."""

import asyncio
import random
from collections import Counter

import pytest
from aiohttp.test_utils import TestServer

from gateway.channels.outbox.outbox import Outbox
from gateway.channels.outbox.recipient_limit import RecipientLimit
from gateway.channels.outbox.retry import RetryPolicy
from gateway.channels.twilio.transport import TwilioTransport
from gateway.config.twilio import TwilioSection
from gateway.http.peer import Peers
from gateway.http.twilio.public_url import PublicUrl
from gateway.http.twilio.webhooks import TwilioWebhooks
from gateway.model.messages import Channel, MessageStatus, OutboundMessage
from gateway.store import outbox_writes
from tests.support.direct_database import DirectDatabase
from tests.support.fake_http_ports import FakeGateway
from tests.support.fake_reception import FakeReception
from tests.support.twilio_stand_in import ACCOUNT_SID, AUTH_TOKEN, Outage, TwilioStandIn

PUBLIC = "https://voice.example.com"


class ReceiptsToOutbox(FakeReception):
    """Gives receipts to the outbox."""

    outbox: Outbox

    async def receipt(self, receipt):
        await super().receipt(receipt)
        await self.outbox.receive(receipt)


@pytest.fixture
async def rig(tmp_path):
    async with TwilioStandIn(public_url=PUBLIC) as twilio:
        reception = ReceiptsToOutbox()
        gateway = FakeGateway()
        app = gateway.app()
        TwilioWebhooks(
            reception,
            PublicUrl(PUBLIC, Peers()),
            account_sid=ACCOUNT_SID,
            auth_tokens=[AUTH_TOKEN],
        ).add_routes(app)
        server = TestServer(app)
        await server.start_server()
        twilio.gateway_url = str(server.make_url("")).rstrip("/")
        section = TwilioSection(
            account_sid=ACCOUNT_SID,
            auth_token_file=tmp_path / "token",
            api_url=twilio.url,
            public_url=PUBLIC,
            timeout_s=1,
        )
        transport = TwilioTransport(section, auth_token=AUTH_TOKEN)
        database = DirectDatabase()
        outbox = Outbox(
            database,
            [transport],
            policy=RetryPolicy(first_s=0.02, most_s=0.1, tries_most=8, settle_s=0.1),
            limit=RecipientLimit(burst=1000),
            dice=random.Random(1),
        )
        reception.outbox = outbox
        await outbox.start()
        twilio.retry_after_s = 0
        yield twilio, outbox, database
        await outbox.close(0.0)
        await transport.close()
        await server.close()
        database.close()


def message(number, person=1):
    return OutboundMessage(
        message_id=f"m{number}",
        room_id="r",
        channel=Channel.SMS,
        sender="+15550100002",
        recipient=f"+1555010{person:04}",
        text=f"Message {number} 👋",
        cause=f"c{number}",
    )


async def until_settled(
    twilio,
    database,
    count,
    done=(MessageStatus.DELIVERED, MessageStatus.FAILED, MessageStatus.DEAD),
):
    async with asyncio.timeout(20):
        while True:
            await twilio.settled()
            records = [
                database.run(lambda c, n=n: outbox_writes.get(c, f"m{n}")) for n in range(count)
            ]
            if all(record is not None and record.status in done for record in records):
                return records
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("outage", [None, *Outage])
async def test_each_outage_ends_in_one_delivery(rig, outage):
    twilio, outbox, database = rig
    twilio.outages.append(outage)
    await outbox.accept(message(0))
    (record,) = await until_settled(twilio, database, 1)
    assert record.status is MessageStatus.DELIVERED
    assert [taken.body for taken in twilio.taken] == ["Message 0 👋"]


@pytest.mark.parametrize("plays_receipts", [True, False])
async def test_what_broke_is_found_even_without_receipts(rig, plays_receipts):
    twilio, outbox, database = rig
    twilio.plays_receipts = plays_receipts
    twilio.outages.append(Outage.BREAKS_AFTER)
    await outbox.accept(message(0))
    taken = (MessageStatus.SENT, MessageStatus.DELIVERED)
    await until_settled(twilio, database, 1, done=taken)
    assert len(twilio.taken) == 1


async def test_many_messages_through_bad_weather_arrive_once_each(rig):
    twilio, outbox, database = rig
    dice = random.Random(7)
    twilio.receipt_copies = 2
    twilio.receipts_backwards = True
    weather = [o for o in Outage if o is not Outage.HANGS]
    twilio.outages.extend(dice.choice([None, None, *weather]) for _ in range(40))
    for number in range(40):
        await outbox.accept(message(number, person=number % 7))
    records = await until_settled(twilio, database, 40)
    assert {record.status for record in records} == {MessageStatus.DELIVERED}
    assert set(Counter(taken.body for taken in twilio.taken).values()) == {1}
    assert len(twilio.taken) == 40


@pytest.mark.parametrize("code", [30003, 30005, 30007, 63016])
async def test_a_failure_told_later_has_its_code(rig, code):
    twilio, outbox, database = rig
    twilio.failures[message(0).recipient] = code
    await outbox.accept(message(0))
    (record,) = await until_settled(twilio, database, 1)
    assert (record.status, record.error_code) == (MessageStatus.FAILED, str(code))


async def test_a_refusal_is_final(rig):
    twilio, outbox, database = rig
    twilio.opted_out.add(message(0).recipient)
    await outbox.accept(message(0))
    (record,) = await until_settled(twilio, database, 1)
    assert (record.status, record.error_code) == (MessageStatus.FAILED, "21610")
    assert twilio.requests == 1
