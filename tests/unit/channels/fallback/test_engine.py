"""The fallback carried out: from the end of a call in the store to messages in the real outbox."""

import asyncio
import contextlib
from dataclasses import dataclass, field, replace

import pytest
from sqlalchemy import insert, select

from gateway.channels.fallback.engine import Fallback
from gateway.channels.fallback.known import served_senders
from gateway.channels.fallback.policy import Pass, Reason, Send
from gateway.channels.outbox.outbox import Outbox
from gateway.config.fallback import FallbackSection
from gateway.errors import StoreError
from gateway.model.hangup import HangupCause
from gateway.model.line import Role
from gateway.model.messages import (
    Accepted,
    Channel,
    ChannelCapabilities,
    InboundMessage,
    Media,
    MessageStatus,
    Receipt,
    SendFailed,
    Template,
)
from gateway.rooms.letters import Letters, message_id
from gateway.rooms.timeline import Entry, Kind
from gateway.store import inbox, people, room_lines
from gateway.store.outbox_writes import get
from gateway.store.schema import calls, timeline
from gateway.store.schema_messages import messages
from tests.support.messages import outbound

OURS, PERSON = "+493012345678", "+4915123456789"
WORDLESS = (
    "We wrote to you, but it did not arrive. You can answer this message. "
    "Or call from your browser: https://call.example/{room}"
)
FILE = f"{WORDLESS}\nhttps://x.example/a.png"
NOON = 1_763_722_800.0  # in Berlin


class Provider:
    """Refuses channels with codes, takes the rest."""

    provider = "fake"

    def __init__(self):
        self.codes: dict[Channel, str] = {}
        self.taken = []

    def capabilities(self, channel):
        if channel in (Channel.SMS, Channel.WHATSAPP, Channel.EMAIL):
            return ChannelCapabilities(text_limit=1_600)
        return None

    async def send(self, message):
        if code := self.codes.get(message.channel):
            raise SendFailed(code, "refused", may_retry=False)
        self.taken.append(message)
        return Accepted(provider_id=f"P{len(self.taken)}")

    async def close(self):
        pass


@dataclass
class Bench:
    database: object
    provider: Provider = field(default_factory=Provider)
    options: dict = field(default_factory=dict)
    told: list = field(default_factory=list)
    fallback: Fallback | None = None
    outbox: Outbox | None = None

    def clock(self):
        return NOON + asyncio.get_running_loop().time()

    async def open(self, **section):
        async def on_failed(record):
            await self.fallback.message_failed(record)

        self.outbox = Outbox(self.database, [self.provider], clock=self.clock, on_failed=on_failed)
        letters = Letters(
            self.database, self.outbox, lambda _channel, text: [text], clock=self.clock
        )
        values = {"time_zone": "Europe/Berlin", "pause_s": 0} | section
        self.fallback = Fallback(
            self.database,
            letters,
            FallbackSection(**values),
            capabilities=self.outbox.capabilities,
            clock=self.clock,
            link=lambda room_id: f"https://call.example/{room_id}",
            on_decided=lambda trigger, decision: self.told.append((trigger, decision)),
        )
        await self.outbox.start()

    def call(self, cause, call_id="c_1", *, said=False, caller=PERSON, direction="inbound"):
        def work(connection):
            room_id = room_lines.room_of(
                connection, Channel.VOICE, number=OURS, address=PERSON, at=1.0
            )
            connection.execute(
                insert(calls).values(
                    call_id=call_id,
                    room_id=room_id,
                    endpoint="sip",
                    direction=direction,
                    caller=caller,
                    callee=OURS,
                    caller_name="",
                    foreign_id="",
                    source="",
                    agent="a",
                    offered_at=self.clock() - 10,
                    answered_ms=100.0 if said else None,
                    ended_ms=10_000.0,
                    cause=cause.value,
                )
            )
            if said:
                entry = Entry(
                    room_id=room_id,
                    call_id=call_id,
                    kind=Kind.USER_SAID,
                    offset_ms=500.0,
                    role=Role.USER,
                    text="hello",
                )
                room_lines.append_line(connection, entry, entry_id=f"e_{call_id}")
            return room_id

        return self.database.run(work)

    def wrote(self, channel, text="hi"):
        message = InboundMessage(
            provider="fake",
            provider_id=text,
            channel=channel,
            sender=PERSON,
            recipient=OURS,
            text=text,
            received_at=self.clock() - 60,
        )
        self.database.run(lambda connection: inbox.receive(connection, message))
        return message

    def decisions(self):
        rows = self.database.run(
            lambda c: c.execute(
                select(timeline.c.facts).where(timeline.c.kind == "fallback")
            ).scalars()
        )
        return [facts.get("channel") or facts["reason"] for facts in rows]


@pytest.fixture
async def bench(database):
    bench = Bench(database)
    await bench.open()
    yield bench
    await bench.outbox.close(0.0)


@pytest.mark.parametrize(
    ("cause", "said", "words"),
    [
        (HangupCause.CALLER_CANCELLED, False, "missed"),
        (HangupCause.CAPACITY, False, "busy when you called"),
        (HangupCause.WORKER_LOST, True, "cut off"),
        (HangupCause.AGENT_FAILED, True, "went wrong"),
    ],
)
async def test_a_failed_call_becomes_a_message_in_its_room(bench, cause, said, words):
    room_id = bench.call(cause, said=said)
    decision = await bench.fallback.call_ended("c_1")
    await asyncio.sleep(1)
    assert isinstance(decision, Send)
    (message,) = bench.provider.taken
    assert (message.channel, message.sender, message.recipient) == (Channel.SMS, OURS, PERSON)
    assert words in message.text
    assert f"https://call.example/{room_id}" in message.text
    assert message.room_id == room_id
    said_now = bench.database.run(lambda c: room_lines.said_before(c, room_id, limit=9))
    assert said_now[-1].text == message.text
    assert bench.decisions() == ["sms"]


async def test_a_call_that_ended_well_leaves_nothing(bench):
    bench.call(HangupCause.AGENT_HUNG_UP, said=True)
    assert await bench.fallback.call_ended("c_1") is None
    assert await bench.fallback.call_ended("c_unknown") is None
    assert bench.decisions() == []


async def test_one_cause_has_one_message_however_often_it_is_told(bench):
    bench.call(HangupCause.WORKER_LOST, said=True)
    await asyncio.gather(*(bench.fallback.call_ended("c_1") for _ in range(5)))
    await asyncio.sleep(1)
    await bench.fallback.call_ended("c_1")
    assert await bench.fallback.catch_up() == 0
    assert len(bench.provider.taken) == 1
    first, *others = bench.decisions()
    assert first == "sms"
    assert set(others) <= {"under_way", "arrived"}
    assert [item for item in bench.told if isinstance(item[1], Send)] == bench.told[:1]
    assert len(bench.told) == len(bench.decisions())


async def test_what_nobody_could_act_on_is_caught_up(bench):
    bench.call(HangupCause.INTERNAL_ERROR, said=True)
    await bench.fallback.catch_up()
    await asyncio.sleep(1)
    assert len(bench.provider.taken) == 1


async def test_whatsapp_refused_goes_on_by_sms_and_is_remembered(bench):
    bench.wrote(Channel.WHATSAPP)
    bench.provider.codes = {Channel.WHATSAPP: "63003"}
    bench.call(HangupCause.WORKER_LOST, said=True)
    await bench.fallback.call_ended("c_1")
    await asyncio.sleep(5)
    assert [message.channel for message in bench.provider.taken] == [Channel.SMS]
    bench.call(HangupCause.WORKER_LOST, "c_2", said=True)
    await bench.fallback.call_ended("c_2")
    await asyncio.sleep(5)
    assert bench.decisions() == ["whatsapp", "sms", "sms"]


async def test_a_closed_window_goes_template_then_sms(database):
    bench = Bench(database)
    await bench.open(
        templates={"whatsapp": "HX1"}, template_variables={"1": "{link}", "2": "{number}"}
    )
    bench.wrote(Channel.WHATSAPP)
    bench.provider.codes = {Channel.WHATSAPP: "63016"}
    room_id = bench.call(HangupCause.WORKER_LOST, said=True)
    await bench.fallback.call_ended("c_1")
    await asyncio.sleep(5)
    rows = database.run(lambda c: c.execute(select(messages).order_by(messages.c.seq)).all())
    assert [(row.channel, row.template) for row in rows] == [
        ("whatsapp", None),
        (
            "whatsapp",
            {
                "content_sid": "HX1",
                "variables": {"1": f"https://call.example/{room_id}", "2": OURS},
            },
        ),
        ("sms", None),
    ]
    assert rows[0].text == rows[2].text
    assert [row.status for row in rows] == ["failed", "failed", "sent"]
    await bench.outbox.close(0.0)


async def test_an_opt_out_learned_from_a_code_ends_it_for_good(bench):
    bench.provider.codes = {Channel.SMS: "21610"}
    bench.call(HangupCause.WORKER_LOST, said=True)
    await bench.fallback.call_ended("c_1")
    await asyncio.sleep(5)
    assert bench.decisions() == ["sms", "opted_out"]
    assert bench.database.run(lambda c: people.is_opted_out(c, Channel.WHATSAPP, PERSON))
    bench.provider.codes = {}
    bench.call(HangupCause.WORKER_LOST, "c_2", said=True)
    decision = await bench.fallback.call_ended("c_2")
    assert isinstance(decision, Pass)
    assert decision.reason is Reason.OPTED_OUT
    assert bench.provider.taken == []


async def test_an_opt_out_is_learned_again_when_a_message_is_sent_again_after_a_start(bench):
    def is_out():
        return bench.database.run(lambda c: people.is_opted_out(c, Channel.SMS, PERSON))

    bench.provider.codes = {Channel.SMS: "21610"}
    bench.call(HangupCause.WORKER_LOST, said=True)
    await bench.fallback.call_ended("c_1")
    await asyncio.sleep(5)
    assert is_out()
    bench.database.run(
        lambda c: people.record_opt_out(
            c, Channel.SMS, PERSON, is_out=False, at=2.0, source="api:1"
        )
    )
    assert not is_out()
    (failed,) = await bench.outbox.messages(limit=9)
    await bench.outbox.replay(failed.message.message_id)
    await asyncio.sleep(5)
    assert is_out()


async def test_a_reply_that_failed_is_sent_by_the_next_channel_once(bench):
    bench.provider.codes = {Channel.WHATSAPP: "63024"}
    room_id = bench.call(HangupCause.AGENT_HUNG_UP, said=True)
    await bench.outbox.accept(
        outbound(
            7, room_id=room_id, channel=Channel.WHATSAPP, sender=OURS, recipient=PERSON, text="42"
        )
    )
    await asyncio.sleep(5)
    (message,) = bench.provider.taken
    assert (message.channel, message.text) == (Channel.SMS, "42")
    assert message.cause == "fallback:message:m_7#1"
    assert bench.decisions() == ["sms"]


@pytest.mark.parametrize(
    ("text", "more", "written"),
    [
        ("", {"media": (Media(url="https://x.example/a.png", content_type="image/png"),)}, FILE),
        ("[template HX1]", {"template": Template(content_sid="HX1")}, WORDLESS),
        (
            "Our plan",
            {"media": (Media(url="https://x.example/a.png", content_type="image/png"),)},
            "Our plan\nhttps://x.example/a.png",
        ),
        ("Hello", {"template": Template(content_sid="HX1")}, "Hello"),
    ],
)
async def test_what_had_no_words_is_told_in_others_and_files_as_links(bench, text, more, written):
    bench.provider.codes = {Channel.WHATSAPP: "63024"}
    room_id = bench.call(HangupCause.AGENT_HUNG_UP, said=True)
    message = outbound(7, room_id=room_id, channel=Channel.WHATSAPP, recipient=PERSON, text=text)
    await bench.outbox.accept(replace(message, sender=OURS, **more))
    await asyncio.sleep(5)
    (message,) = bench.provider.taken
    assert (message.channel, message.template) == (Channel.SMS, None)
    assert message.text == written.replace("{room}", room_id)


async def test_a_variable_of_a_template_is_one_line(database):
    bench = Bench(database)
    bench.provider.codes = {Channel.WHATSAPP: "63016"}
    await bench.open(
        order=["whatsapp"], templates={"whatsapp": "HX1"}, template_variables={"1": "{text}"}
    )
    room_id = bench.call(HangupCause.AGENT_HUNG_UP, said=True)
    more = {"channel": Channel.WHATSAPP, "sender": OURS, "recipient": PERSON}
    await bench.outbox.accept(
        outbound(7, room_id=room_id, text="One.\n\n\tTwo.     Three.", **more)
    )
    await asyncio.sleep(5)
    template = bench.database.run(lambda c: get(c, message_id("fallback:message:m_7#1")))
    assert template.message.template.variables == {"1": "One. Two. Three."}
    await bench.outbox.close(0.0)


async def test_a_receipt_of_failure_long_after_goes_on_too(bench):
    bench.call(HangupCause.WORKER_LOST, said=True)
    bench.database.run(lambda c: people.link(c, "email:ann@example.org", PERSON, at=1.0))
    bench.fallback._section = FallbackSection(
        order=["sms", "email"], senders={"email": "us@example.org"}
    )
    await bench.fallback.call_ended("c_1")
    await asyncio.sleep(60)
    receipt = Receipt(
        provider="fake",
        provider_id="P1",
        status=MessageStatus.FAILED,
        at=bench.clock(),
        error_code="30005",
    )
    for _ in range(2):
        await bench.outbox.receive(receipt)
        await asyncio.sleep(5)
    assert [message.recipient for message in bench.provider.taken] == [PERSON, "ann@example.org"]


@pytest.mark.parametrize(
    ("given", "decided"),
    [({}, "none_left"), ({Channel.SMS: True}, "sms"), ({Channel.SMS: False}, "none_left")],
)
async def test_whom_we_called_is_written_to_by_the_channels_they_allowed(bench, given, decided):
    for channel, is_given in given.items():
        bench.database.run(
            lambda c, channel=channel, is_given=is_given: people.record_consent(
                c, channel, PERSON, is_given=is_given, at=1.0, source="api:1"
            )
        )
    bench.call(HangupCause.NO_ANSWER, direction="outbound")
    await bench.fallback.call_ended("c_1")
    assert bench.decisions() == [decided]


@pytest.mark.parametrize(
    ("number", "country", "sender"),
    [
        (OURS, "", OURS),
        ("030 12345678", "DE", OURS),
        ("493012345678", "DE", OURS),
        ("030 12345678", "", None),
        ("100", "DE", None),
        ("web:shop", "DE", None),
    ],
)
def test_a_number_that_a_trunk_tells_without_its_country_code_sends_too(number, country, sender):
    found = served_senders(
        FallbackSection(country=country), number, lambda _channel: ChannelCapabilities(text_limit=9)
    )
    assert found.get(Channel.SMS) == found.get(Channel.WHATSAPP) == sender


async def test_a_caller_who_withheld_their_number_is_nobody(bench):
    bench.call(HangupCause.WORKER_LOST, said=True, caller="anonymous")
    decision = await bench.fallback.call_ended("c_1")
    assert isinstance(decision, Pass)
    assert decision.reason is Reason.NOBODY


async def test_a_message_that_did_not_arrive_does_not_hold_up_the_next(database):
    bench = Bench(database)
    bench.provider.codes = {Channel.WHATSAPP: "63003", Channel.SMS: "30034"}
    await bench.open(pause_s=600)
    bench.call(HangupCause.WORKER_LOST, said=True)
    await bench.fallback.call_ended("c_1")
    await asyncio.sleep(5)
    assert bench.provider.taken == []
    bench.provider.codes = {}
    bench.call(HangupCause.WORKER_LOST, "c_2", said=True)
    await bench.fallback.call_ended("c_2")
    await asyncio.sleep(5)
    assert [message.channel for message in bench.provider.taken] == [Channel.SMS]
    await bench.outbox.close(0.0)


async def test_a_second_incident_a_moment_later_is_passed_over(database):
    bench = Bench(database)
    await bench.open(pause_s=600)
    for number in (1, 2):
        bench.call(HangupCause.CALLER_CANCELLED, f"c_{number}")
        await bench.fallback.call_ended(f"c_{number}")
    assert bench.decisions() == ["sms", "just_written"]
    await bench.outbox.close(0.0)


class MortalDatabase:
    """Dies before or after its n-th transaction."""

    def __init__(self, database, left, committed):
        self.database, self.left, self.committed = database, left, committed

    async def transact(self, work):
        self.left -= 1
        if self.left < 0 and not self.committed:
            raise StoreError("killed")
        result = self.database.run(work)
        if self.left < 0:
            raise StoreError("killed")
        return result

    async def read(self, query):
        if self.left < 0:
            raise StoreError("killed")
        return self.database.run(query)


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("left", range(5))
async def test_a_life_that_ends_anywhere_leaves_one_message(database, left, committed):
    dying = Bench(MortalDatabase(database, left + 1, committed))
    await dying.open()
    dying.database.run = database.run
    dying.call(HangupCause.WORKER_LOST, said=True)
    with contextlib.suppress(StoreError):
        await dying.fallback.call_ended("c_1")
    await asyncio.sleep(1)
    await dying.outbox.close(0.0)
    bench = Bench(database)
    await bench.open()
    await bench.fallback.catch_up()
    await asyncio.sleep(100)
    count = len(database.run(lambda c: c.execute(select(messages)).all()))
    assert count == 1
    await bench.outbox.close(0.0)
