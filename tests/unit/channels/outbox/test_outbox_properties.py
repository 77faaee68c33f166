"""Whatever fails and whenever the process ends: what was accepted arrives once, and never after a stop."""

import asyncio
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.channels.outbox.outbox import Outbox
from gateway.channels.outbox.recipient_limit import RecipientLimit
from gateway.channels.outbox.retry import RetryPolicy
from gateway.model.messages import Channel, MessageStatus, OutboundMessage, Receipt, SendFailed
from gateway.store import outbox_reads as reads
from gateway.store.outbox_writes import Acceptance
from gateway.store.people import is_opted_out, record_opt_out
from tests.support.direct_database import DirectDatabase
from tests.support.fake_transport import LATER, REFUSED, FindingTransport
from tests.support.messages import outbound
from tests.support.virtual_clock import run_virtual

BROKEN = SendFailed("broken", "connection reset", may_retry=True, is_unknown=True)
PATIENT = RetryPolicy(tries_most=50, first_s=1.0, most_s=20.0, settle_s=5.0)
CHANNELS = (Channel.SMS, Channel.WHATSAPP, Channel.EMAIL)


def clock() -> float:
    return 1_000_000.0 + asyncio.get_running_loop().time()


class Watched(FindingTransport):
    """Fails by dice, and knows whom it may write to when a request reaches it."""

    def __init__(self, database: DirectDatabase, dice: random.Random) -> None:
        super().__init__(takes_s=0.5)
        self._database = database
        self._dice = dice
        self.wrong: list[str] = []

    async def send(self, message: OutboundMessage):
        if self._database.run(
            lambda connection: is_opted_out(connection, message.channel, message.recipient)
        ):
            self.wrong.append(message.message_id)
        choices = [None, None, None, LATER, BROKEN, "lost", "hang", REFUSED]
        self.steps.append(self._dice.choice(choices))
        return await super().send(message)

    async def find(self, message, *, since):
        if self._dice.random() < 0.3:
            self.find_steps.append(LATER)
        return await super().find(message, since=since)


async def live(seed: int) -> None:
    dice = random.Random(seed)
    database = DirectDatabase()
    transport = Watched(database, dice)
    accepted: list[OutboundMessage] = []
    number = 0
    for _life in range(dice.randrange(1, 5)):
        outbox = Outbox(
            database,
            [transport],
            clock=clock,
            policy=PATIENT,
            dice=dice,
            limit=RecipientLimit(burst=dice.randrange(1, 20), interval_s=1.0),
        )
        await outbox.start()
        for _step in range(dice.randrange(12)):
            person = dice.randrange(4)
            what = dice.random()
            if what < 0.7:
                number += 1
                channel = dice.choice(CHANNELS)
                address = f"a{person}@b" if channel is Channel.EMAIL else f"+49{person}"
                message = outbound(number, channel=channel, recipient=address)
                if (await outbox.accept(message)).acceptance is Acceptance.ACCEPTED:
                    accepted.append(message)
            elif what < 0.8:
                # As the writer does it: between two requests, never within one.
                database.run(
                    lambda connection, person=person: record_opt_out(
                        connection,
                        Channel.SMS,
                        f"+49{person}",
                        is_out=dice.random() < 0.7,
                        at=clock(),
                        source=f"s{dice.random()}",
                    )
                )
            elif transport.taken:
                taken = dice.choice(transport.taken)
                await outbox.receive(
                    Receipt(
                        provider="fake",
                        provider_id=f"R-{taken.message_id}",
                        status=dice.choice([MessageStatus.SENT, MessageStatus.DELIVERED]),
                        at=clock(),
                        message_id=taken.message_id,
                    )
                )
            await asyncio.sleep(dice.choice([0.0, 0.1, 0.4, 3.0, 40.0]))
        await outbox.close(0.0)  # in the middle of everything
    last = Outbox(database, [transport], clock=clock, policy=PATIENT, dice=dice)
    await last.start()
    await asyncio.sleep(20_000)
    await last.close(0.0)

    assert last.pending == 0
    assert transport.wrong == []
    ids = transport.taken_ids
    assert len(ids) == len(set(ids)), "something was sent twice"
    records = {
        record.message.message_id: record
        for record in database.run(lambda connection: reads.list_messages(connection, limit=1000))
    }
    assert set(records) == {message.message_id for message in accepted}
    for message_id, record in records.items():
        arrived = record.status in (MessageStatus.SENT, MessageStatus.DELIVERED)
        if arrived:
            assert message_id in ids
        else:
            assert record.status is MessageStatus.FAILED
            assert record.error_code in ("opted_out", "21211")
            assert message_id not in ids or record.error_code == "opted_out"
    database.close()


@settings(max_examples=30)
@given(st.integers(0, 2**32))
def test_whatever_fails_each_message_arrives_once_or_is_told_and_stop_is_honoured(seed):
    run_virtual(live(seed))
