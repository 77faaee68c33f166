"""Conversations in writing: rooms, order, greeting, and each message answered once, whatever crashes."""

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from gateway.channels.outbox.outbox import Acknowledgement
from gateway.errors import ProviderUnavailable, StoreError
from gateway.model.line import Role
from gateway.model.messages import Channel, InboundMessage, OutboundMessage
from gateway.model.text_agent import TextNote, TextReply
from gateway.rooms.hooks import Hooks, Point
from gateway.rooms.letters import Letters
from gateway.rooms.text_desk import TextDesk
from gateway.rooms.text_gate import GreetingMode
from gateway.store import inbox, outbox_writes, people
from gateway.store.schema import rooms, timeline
from gateway.store.schema_messages import messages
from tests.support.direct_database import DirectDatabase

OURS = "+4930100"
HELLO = "Hello, this is Offhook."


class Killed(BaseException):
    """The process dies here."""


class Agent:
    name = "agent"
    greeting = HELLO
    apology = "Sorry, please try again."

    def __init__(self):
        self.turns = []
        self.fails = None
        self.notes = ()

    async def answer(self, turn):
        self.turns.append(turn)
        await asyncio.sleep(1)
        if self.fails is not None:
            raise self.fails
        return TextReply(text=f"re: {turn.text}", notes=self.notes)


class PlainOutbox:
    """The real table, nothing sent."""

    def __init__(self, database):
        self.database = database

    async def accept(self, message: OutboundMessage, *, not_before=None):
        acceptance, message_id = self.database.run(
            lambda connection: outbox_writes.accept(connection, message, at=1.0, not_before=1.0)
        )
        return Acknowledgement(acceptance=acceptance, message_id=message_id)


class MortalDatabase:
    """Dies before or after the n-th transaction of this life."""

    def __init__(self, database, dies_at=None, *, committed=False):
        self.database, self.left, self.committed = database, dies_at, committed

    async def transact(self, work):
        await asyncio.sleep(0)
        if self.left is not None:
            self.left -= 1
            if self.left < 0 and not self.committed:
                raise StoreError("killed")
        result = self.database.run(work)
        if self.left is not None and self.left < 0:
            raise StoreError("killed")
        return result

    def run(self, work):
        if self.left is not None and self.left < 0:
            raise StoreError("killed")
        return self.database.run(work)

    async def read(self, query):
        await asyncio.sleep(0)
        return self.run(query)


@dataclass
class Bench:
    database: DirectDatabase
    agent: Agent = field(default_factory=Agent)

    def desk(self, database=None, **more):
        database = database or self.database
        letters = Letters(
            database, PlainOutbox(database), lambda _channel, text: [text], clock=lambda: 5.0
        )
        return TextDesk(
            database, letters, lambda _number, _channel: self.agent, clock=lambda: 5.0, **more
        )

    def receive(self, text, provider_id=None, sender="+491701", channel=Channel.SMS, at=1.0):
        message = InboundMessage(
            provider="twilio",
            provider_id=provider_id or f"SM-{sender}-{text}",
            channel=channel,
            sender=sender,
            recipient=OURS,
            text=text,
            received_at=at,
        )
        return self.database.run(lambda connection: inbox.receive(connection, message))

    async def run(self, desk, seconds=100):
        runner = asyncio.create_task(desk.run())
        await asyncio.sleep(seconds)
        runner.cancel()
        await asyncio.gather(runner, return_exceptions=True)

    def rows(self, table):
        return self.database.run(lambda connection: connection.execute(select(table)).all())

    def sent(self):
        return [row.text for row in sorted(self.rows(messages), key=lambda row: row.seq)]

    def lines(self):
        return [(row.role, row.text) for row in sorted(self.rows(timeline), key=lambda r: r.seq)]


@pytest.fixture
def bench(database):
    return Bench(database)


async def test_a_first_message_is_answered_with_the_greeting_in_one_message(bench):
    bench.receive("Are you open?")
    await bench.run(bench.desk())
    assert bench.lines() == [
        (Role.AGENT, HELLO),
        (Role.USER, "Are you open?"),
        (Role.AGENT, "re: Are you open?"),
    ]
    assert bench.sent() == [f"{HELLO}\n\nre: Are you open?"]
    (turn,) = bench.agent.turns
    assert [said.text for said in turn.history] == [HELLO, "Are you open?"]


async def test_the_greeting_may_be_a_message_of_its_own_or_none(bench, database):
    bench.receive("Hi")
    await bench.run(bench.desk(mode=GreetingMode.SEND))
    assert bench.sent() == [HELLO, "re: Hi"]
    bench.receive("Hi", sender="+491702")
    await bench.run(bench.desk(mode=GreetingMode.CONTEXT))
    assert bench.sent() == [HELLO, "re: Hi", "re: Hi"]
    assert [text for _, text in bench.lines()].count(HELLO) == 2


async def test_a_second_message_is_not_greeted_and_the_history_goes_on(bench):
    desk = bench.desk()
    bench.receive("one")
    bench.receive("two")
    await bench.run(desk)
    assert bench.sent() == [f"{HELLO}\n\nre: one", "re: two"]
    assert [said.text for said in bench.agent.turns[1].history][-1] == "two"


async def test_sms_and_whatsapp_of_one_number_and_a_linked_address_are_one_room(bench, database):
    database.run(lambda c: people.link(c, "email:ann@example.org", "+491701", at=1.0))
    bench.receive("a")
    bench.receive("b", channel=Channel.WHATSAPP)
    bench.receive("c", channel=Channel.EMAIL, sender="Ann@example.org")
    bench.receive("d", sender="+491702")
    await bench.run(bench.desk())
    assert len(bench.rows(rooms)) == 2
    rows = {row.text: row.room_id for row in bench.rows(timeline)}
    assert rows["a"] == rows["b"] == rows["c"] != rows["d"]


async def test_a_message_that_comes_twice_is_one(bench):
    assert bench.receive("hi", "SM1")
    assert not bench.receive("hi", "SM1")
    desk = bench.desk()
    await bench.run(desk)
    assert len(bench.agent.turns) == len(bench.sent()) == 1


async def test_rooms_are_answered_side_by_side(bench):
    for number in range(10):
        bench.receive("hi", sender=f"+49170{number}")
    await bench.run(bench.desk(), seconds=1.5)
    assert len(bench.sent()) == 10


@pytest.mark.parametrize("error", [ProviderUnavailable("no model"), KeyError("a mistake")])
async def test_an_agent_that_fails_apologises_and_the_room_goes_on(bench, error):
    bench.agent.fails = error
    bench.receive("hi")
    await bench.run(bench.desk())
    assert bench.sent() == [f"{HELLO}\n\n{bench.agent.apology}"]
    bench.agent.fails = None
    bench.receive("again")
    await bench.run(bench.desk())
    assert bench.sent()[1:] == ["re: again"]
    assert len(bench.agent.turns) == 2


async def test_what_an_agent_recorded_stands_in_the_timeline_once(bench):
    bench.agent.notes = (
        TextNote(name="message_taken", facts={"text": "the lift"}),
        TextNote(name="tool_call", facts={"tool": "x"}),
    )
    bench.receive("hi")
    await bench.run(bench.desk())
    rows = [row for row in bench.rows(timeline) if row.facts.get("name")]
    assert [row.kind for row in rows] == ["message_taken", "agent_event"]
    assert rows[0].facts["text"] == "the lift"


async def test_who_opted_out_is_neither_answered_nor_said_to_be(bench, database):
    database.run(
        lambda c: people.record_opt_out(
            c, Channel.SMS, "+491701", is_out=True, at=1.0, source="twilio:SM0"
        )
    )
    bench.receive("hi", channel=Channel.WHATSAPP)
    desk = bench.desk(mode=GreetingMode.SEND)
    await bench.run(desk)
    assert bench.sent() == []
    assert bench.lines() == [(Role.AGENT, HELLO), (Role.USER, "hi")]
    assert desk.pending == 0


async def test_a_call_in_the_room_takes_the_message(bench):
    async def take(_room_id, _message):
        return True

    bench.receive("hi")
    await bench.run(bench.desk(in_call=take))
    assert bench.sent() == []
    assert bench.agent.turns == []
    assert (Role.USER, "hi") in bench.lines()


async def test_a_call_that_ends_before_it_answered_gives_the_message_back(bench):
    async def give_back_later(_room_id, _message):
        await asyncio.sleep(50)
        return False

    bench.receive("hi")
    await bench.run(bench.desk(in_call=give_back_later))
    assert bench.sent() == [f"{HELLO}\n\nre: hi"]


async def test_rooms_are_answered_while_calls_in_others_keep_messages_waiting(bench):
    async def keep(_room_id, message):
        if message.text == "wait":
            await asyncio.sleep(1_000)
        return False

    for number in range(20):
        bench.receive("wait", sender=f"+4917{number:03}")
    bench.receive("now", sender="+491799")
    desk = bench.desk(in_call=keep)
    await bench.run(desk)
    assert bench.sent() == [f"{HELLO}\n\nre: now"]
    assert desk.pending == 20


async def test_what_was_said_in_a_call_is_not_said_again_when_the_store_fails_after_it(bench):
    asked = []

    class Failing(MortalDatabase):
        async def transact(self, work):
            if asked and not self.has_failed:
                self.has_failed = True
                raise StoreError("disk")
            return await super().transact(work)

    async def take(_room_id, message):
        asked.append(message.text)
        return True

    database = Failing(bench.database)
    database.has_failed = False
    bench.receive("hi")
    desk = bench.desk(database, in_call=take)
    await bench.run(desk)
    assert asked == ["hi"]
    assert desk.pending == 0


async def test_hooks_may_stop_and_change_messages_and_failing_ones_cost_nothing(bench):
    async def refuse(room_id, message):
        return message.text != "secret"

    async def shout(room_id, text):
        return text.upper()

    async def fail(room_id, **facts):
        raise ValueError("a bug")

    hooks = Hooks({Point.BEFORE_INBOUND: [fail, refuse], Point.BEFORE_OUTBOUND: [shout]})
    bench.receive("secret")
    bench.receive("hi")
    await bench.run(bench.desk(hooks=hooks))
    assert [turn.text for turn in bench.agent.turns] == ["hi"]
    assert bench.sent() == ["RE: HI"]


async def test_an_operator_writes_where_the_person_last_wrote(bench):
    bench.receive("hi", channel=Channel.WHATSAPP)
    desk = bench.desk()
    await bench.run(desk)
    (room,) = bench.rows(rooms)
    for _ in range(2):
        await desk.write(room.room_id, "We look into it.", cause="operator:1", by="operator")
    assert bench.sent()[1:] == ["We look into it."]
    assert bench.rows(messages)[-1].channel == "whatsapp"
    assert await desk.write("r_none", "x", cause="operator:2", by="operator") == ()


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("mode", GreetingMode)
@pytest.mark.parametrize("dies_at", range(8))
async def test_a_life_that_ends_anywhere_leaves_one_answer_each(bench, dies_at, mode, committed):
    bench.receive("one")
    bench.receive("two")
    dying = MortalDatabase(bench.database, dies_at, committed=committed)
    await bench.run(bench.desk(dying, mode=mode), seconds=3)
    await bench.run(bench.desk(mode=mode))
    expected = {
        GreetingMode.LEAD: [f"{HELLO}\n\nre: one", "re: two"],
        GreetingMode.SEND: [HELLO, "re: one", "re: two"],
        GreetingMode.CONTEXT: ["re: one", "re: two"],
    }
    assert bench.sent() == expected[mode]
    assert [text for _, text in bench.lines()] == [HELLO, "one", "two", "re: one", "re: two"]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([Channel.SMS, Channel.WHATSAPP]),
            st.sampled_from(["+491701", "+491702"]),
            st.integers(0, 5),
        ),
        max_size=15,
    )
)
def test_two_channels_interleaved_keep_order_and_lose_nothing(steps):
    database = DirectDatabase()
    bench = Bench(database)
    expected = {}
    for channel, sender, number in steps:
        text = f"{channel.value} {number}"
        if bench.receive(text, sender=sender, channel=channel):
            expected.setdefault(sender, []).append(text)
    from tests.support.virtual_clock import VirtualClockLoop

    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        runner.run(bench.run(bench.desk()))
    for sender, texts in expected.items():
        assert [turn.text for turn in bench.agent.turns if turn.person == sender] == texts
        assert [row.text for row in bench.rows(messages) if row.recipient == sender] == [
            f"{HELLO}\n\nre: {text}" if index == 0 else f"re: {text}"
            for index, text in enumerate(texts)
        ]
    database.close()
