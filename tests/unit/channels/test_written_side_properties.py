"""All of the written half at once, whatever people do: after a stop nothing is sent, and nothing is answered twice."""

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from gateway.channels.durable_reception import DurableReception
from gateway.channels.fallback.engine import Fallback
from gateway.channels.keywords import Keyword
from gateway.channels.outbox.outbox import Outbox
from gateway.channels.outbox.recipient_limit import RecipientLimit
from gateway.channels.outbox.retry import RetryPolicy
from gateway.channels.reception import KeywordAnswer
from gateway.config.fallback import FallbackSection
from gateway.model.hangup import HangupCause
from gateway.model.messages import Channel, InboundMessage, MessageStatus, OutboundMessage, Receipt
from gateway.model.text_agent import TextReply
from gateway.rooms.identities import link_all
from gateway.rooms.keyword_answers import KeywordAnswers
from gateway.rooms.letters import Letters
from gateway.rooms.text_desk import TextDesk
from gateway.store import people, room_lines
from gateway.store.schema import calls, rooms, timeline
from gateway.store.schema_messages import messages
from tests.support.direct_database import DirectDatabase
from tests.support.fake_transport import FakeTransport
from tests.support.virtual_clock import run_virtual

OURS = "+15550100000"
NUMBERS = ("+16502530001", "+16502530002")
NUMBER_CHANNELS = (Channel.SMS, Channel.WHATSAPP, Channel.RCS)
CHANNELS = tuple(channel for channel in Channel if channel is not Channel.VOICE)
CODES = ("63003", "63016", "30007", "30008", "21610")
CAUSES = (HangupCause.CAPACITY, HangupCause.WORKER_LOST, HangupCause.CALLER_CANCELLED)


def address(person: int, channel: Channel) -> str:
    if channel in NUMBER_CHANNELS:
        return NUMBERS[person]
    return f"p{person}@example.org" if channel is Channel.EMAIL else f"{channel.value}-{person}"


def person_of(channel: Channel, value: str) -> int:
    return next(number for number in (0, 1) if address(number, channel) == value)


class Agent:
    name = "agent"
    greeting = "Hello."
    apology = "Sorry."

    async def answer(self, turn):
        await asyncio.sleep(1)
        return TextReply(text=f"re: {turn.text}")


@dataclass
class World:
    database: DirectDatabase
    stopped: set[int] = field(default_factory=set)
    wrong: list[OutboundMessage] = field(default_factory=list)
    taken: list[OutboundMessage] = field(default_factory=list)
    written: dict[int, list[tuple[Channel, str]]] = field(default_factory=lambda: defaultdict(list))
    ever_stopped: set[int] = field(default_factory=set)
    fail_next: list[str] = field(default_factory=list)
    number: int = 0

    def clock(self):
        return 1_800_000_000.0 + asyncio.get_running_loop().time()

    async def open(self):
        self.database.run(
            lambda connection: link_all(
                connection,
                {
                    NUMBERS[person]: tuple(
                        f"{channel.value}:{address(person, channel)}"
                        for channel in CHANNELS
                        if channel not in NUMBER_CHANNELS
                    )
                    for person in (0, 1)
                },
                at=0.0,
            )
        )
        self.outbox = Outbox(
            self.database,
            [Watched(self)],
            clock=self.clock,
            policy=RetryPolicy(first_s=1.0, most_s=5.0, settle_s=1.0),
            limit=RecipientLimit(burst=1000),
            on_failed=lambda record: self.fallback.message_failed(record),
        )
        letters = Letters(
            self.database, self.outbox, lambda _channel, text: [text], clock=self.clock
        )
        self.fallback = Fallback(
            self.database,
            letters,
            FallbackSection(
                order=(Channel.WHATSAPP, Channel.SMS, Channel.EMAIL),
                senders={Channel.EMAIL: "us@example.org"},
                quiet_from="00:00",
                quiet_to="00:00",
                pause_s=0,
            ),
            capabilities=self.outbox.capabilities,
            clock=self.clock,
        )
        self.desk = TextDesk(
            self.database, letters, lambda _number, _channel: Agent(), clock=self.clock
        )
        answers = KeywordAnswers(
            self.database, letters, help_text="Help.", start_text="Again.", clock=self.clock
        )
        self.reception = DurableReception(
            self.database,
            on_message=self.desk.look,
            on_receipt=self.outbox.receive,
            on_keyword=answers.answer,
            clock=self.clock,
        )
        await self.outbox.start()
        self.running = asyncio.create_task(self.desk.run())

    async def close(self):
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        await self.outbox.close(0.0)

    def message(self, person, channel, text):
        self.number += 1
        return InboundMessage(
            provider="fake",
            provider_id=f"in-{self.number}",
            channel=channel,
            sender=address(person, channel),
            recipient=OURS if channel in NUMBER_CHANNELS else f"us-{channel.value}",
            text=text,
            received_at=self.clock(),
        )

    async def do(self, step):
        match step:
            case ("write", person, channel, copies):
                text = f"{channel.value} {self.number}"
                message = self.message(person, channel, text)
                self.written[person].append((channel, text))
                for _ in range(copies):
                    await self.reception.message(message)
            case (("stop" | "start" | "help") as word, person, channel, _):
                message = self.message(person, channel, word)
                if word == "stop":
                    self.stopped.add(person)
                    self.ever_stopped.add(person)
                elif word == "start":
                    self.stopped.discard(person)
                await self.reception.keyword(message, Keyword(word), KeywordAnswer.OURS)
            case ("call", person, _, number):
                self.number += 1
                call_id = f"c_{self.number}"
                self.database.run(
                    lambda connection: self._call(connection, person, CAUSES[number % 3], call_id)
                )
                await self.fallback.call_ended(call_id)
            case ("operator", person, channel, _):
                self.number += 1
                room_id = self.database.run(
                    lambda connection: room_lines.room_of(
                        connection, Channel.SMS, number=OURS, address=NUMBERS[person], at=0.0
                    )
                )
                cause = f"operator:{self.number}"
                await self.desk.write(room_id, "We look.", cause=cause, by="operator")
            case ("fail", _, _, number):
                self.fail_next.append(CODES[number % len(CODES)])
            case ("wait", _, _, number):
                await asyncio.sleep(number)

    def _call(self, connection, person, cause, call_id):
        room_id = room_lines.room_of(
            connection, Channel.VOICE, number=OURS, address=NUMBERS[person], at=0.0
        )
        connection.execute(
            insert(calls).values(
                call_id=call_id,
                room_id=room_id,
                endpoint="sip",
                direction="inbound",
                caller=NUMBERS[person],
                callee=OURS,
                caller_name="",
                foreign_id="",
                source="",
                agent="agent",
                offered_at=self.clock() - 1,
                ended_ms=1000.0,
                cause=cause.value,
            )
        )


class Watched(FakeTransport):
    """Knows who must not be written to when a request reaches it; some of what it takes fails later."""

    def __init__(self, world):
        super().__init__(channels=CHANNELS, takes_s=0.0)
        self.world = world

    async def send(self, message):
        world = self.world
        is_out = world.database.run(
            lambda connection: people.is_opted_out(connection, message.channel, message.recipient)
        )
        if is_out or person_of(message.channel, message.recipient) in world.stopped:
            world.wrong.append(message)
        world.taken.append(message)
        accepted = await super().send(message)
        if world.fail_next:
            code = world.fail_next.pop(0)
            if code == "21610":
                world.ever_stopped.add(person_of(message.channel, message.recipient))
            receipt = Receipt(
                provider=self.provider,
                provider_id=accepted.provider_id,
                status=MessageStatus.FAILED,
                at=world.clock(),
                error_code=code,
            )
            for delay_s in (1, 2):
                asyncio.get_running_loop().call_later(delay_s, self._report, receipt)
        return accepted

    def _report(self, receipt):
        self.task = asyncio.create_task(self.world.reception.receipt(receipt))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["write", "write", "write", "stop", "start", "help", "call", "operator", "fail", "wait"]
        ),
        st.sampled_from([0, 1]),
        st.sampled_from(CHANNELS),
        st.integers(1, 4),
    ),
    max_size=25,
)


async def live(steps):
    database = DirectDatabase()
    world = World(database)
    await world.open()
    for step in steps:
        await world.do(step)
    # All retries, and what the error codes put off.
    await asyncio.sleep(3 * 3600)
    await world.close()
    return world


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_stop_on_one_channel_holds_for_all(channel):
    steps = [("write", 0, one, 1) for one in CHANNELS]
    world = run_virtual(live([("stop", 0, channel, 1), *steps, ("call", 0, channel, 1)]))
    assert world.taken == []
    again = run_virtual(
        live(
            [("stop", 0, channel, 1), ("start", 0, channel, 1), *steps[:1], ("wait", 0, channel, 4)]
        )
    )
    assert len(again.taken) == 2  # "Again." and the answer


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_nobody_who_said_stop_is_written_to_and_each_message_has_one_answer(steps):
    world = run_virtual(live(steps))
    database = world.database
    assert world.wrong == []
    causes = Counter(message.cause for message in world.taken)
    assert all(count == 1 for count in causes.values())
    rows = database.run(
        lambda c: c.execute(select(timeline).order_by(timeline.c.room_id, timeline.c.seq)).all()
    )
    owners = {
        row.room_id: row.person for row in database.run(lambda c: c.execute(select(rooms)).all())
    }
    entries = Counter(row.entry_id for row in rows)
    assert max(entries.values(), default=1) == 1
    for person in (0, 1):
        own = [row for row in rows if owners[row.room_id] == NUMBERS[person]]
        for channel in CHANNELS:
            wrote = [text for one, text in world.written[person] if one is channel]
            received = [
                row.text
                for row in own
                if row.kind == "message_received" and row.facts["channel"] == channel.value
            ]
            assert received == wrote
            if person not in world.ever_stopped:
                sent = [
                    message.text.removeprefix("Hello.\n\n")
                    for message in world.taken
                    if message.channel is channel
                    and message.recipient == address(person, channel)
                    and message.cause.startswith("reply:")
                ]
                assert sent == [f"re: {text}" for text in wrote]
    accepted = database.run(lambda c: c.execute(select(messages)).all())
    assert all(row.status in ("sent", "failed", "dead") for row in accepted)
    database.close()
