"""Placing calls: once for a key, within limits that hold over a crash, and settled when they end."""

import asyncio
from dataclasses import dataclass, field

import pytest

from gateway.config.trunks import DiallingSection, TrunkSection
from gateway.dialling.dialler import LEG_BOUND_S, DialledNews, Dialler, DialRequest
from gateway.dialling.voice_transport import VoiceTransport
from gateway.errors import DialFailed, DialRefused
from gateway.model.hangup import HangupCause
from gateway.model.messages import Channel, MessageStatus, OutboundMessage, Receipt, SendFailed
from gateway.rooms.access import ChannelAccess
from gateway.rooms.timeline import Entry, Kind
from gateway.rooms.watched_recorder import CallEnd
from gateway.sessions.placed import PlacedCalls
from gateway.store import dialled, room_access, room_lines

TO = "+4930123456"
TRUNK = TrunkSection(host="192.0.2.1", caller_id="+493099")


@dataclass
class FakeLine:
    """An endpoint that notes what it is to place."""

    is_ready: bool = True
    takes: bool = True
    makes_legs: bool = True
    placed: list[tuple[str, str, str, str]] = field(default_factory=list)
    dialler: Dialler | None = None

    def place(self, call_id: str, target: str, *, caller: str, trunk: str = "") -> bool:
        if not self.takes:
            return False
        self.placed.append((call_id, target, caller, trunk))
        if self.makes_legs and self.dialler is not None:
            self.dialler.appended(line(call_id, Kind.OFFERED, 0.0))
        return True


def line(call_id: str, kind: Kind, offset_ms: float) -> Entry:
    return Entry(room_id="r_1", call_id=call_id, kind=kind, offset_ms=offset_ms)


class Bench:
    """A dialler with what it needs."""

    def __init__(self, database, *, now: float = 1_000_000.0, **rules) -> None:
        self.now = now
        self.placed = PlacedCalls()
        self.refused: list[str] = []
        self.line = FakeLine()
        self.database = database
        self.dialler = Dialler(
            database,
            DiallingSection(**{"allow": ("+49",), **rules}),
            {"provider": TRUNK},
            agents=lambda: {"desk"},
            agent_for=lambda number: "desk" if number == "+493099" else None,
            placed=self.placed,
            clock=lambda: self.now,
            on_refused=self.refused.append,
        )
        self.line.dialler = self.dialler

    async def started(self) -> "Bench":
        await self.dialler.start(self.line)
        return self

    async def dial(self, to: str = TO, **more) -> str:
        return (await self.dialler.dial(DialRequest(to=to), **more)).call_id

    def answer(self, call_id: str, offset_ms: float = 1_000.0) -> None:
        self.dialler.appended(line(call_id, Kind.ANSWERED, offset_ms))

    async def end(
        self, call_id: str, offset_ms: float = 61_000.0, cause=HangupCause.AGENT_HUNG_UP
    ) -> None:
        self.dialler.call_ended(
            CallEnd(call_id=call_id, cause=cause, detail="", offset_ms=offset_ms)
        )
        await asyncio.sleep(0.1)

    async def used_s(self, call_id: str) -> float | None:
        found = await self.database.read(lambda c: dialled.find(c, call_id=call_id))
        return None if found is None else found.used_s


async def test_a_call_goes_to_the_trunk_and_is_expected(database) -> None:
    bench = await Bench(database).started()
    call_id = await bench.dial()
    assert bench.line.placed == [(call_id, f"sip:{TO}@192.0.2.1:5060", "+493099", "provider")]
    call = bench.placed.take(call_id)
    assert call is not None
    assert (call.number, call.person, call.agent) == ("+493099", TO, "desk")
    assert call.max_call_s == 900
    assert bench.placed.take(call_id) is None


async def test_only_the_time_after_the_answer_counts(database) -> None:
    bench = await Bench(database).started()
    call_id = await bench.dial()
    assert await bench.used_s(call_id) is None
    bench.answer(call_id, 20_000)
    await bench.end(call_id, 50_000)
    assert await bench.used_s(call_id) == 30.0
    assert bench.dialler.live == 0


async def test_a_call_that_nobody_answers_costs_no_minutes(database) -> None:
    bench = await Bench(database).started()
    call_id = await bench.dial()
    await bench.end(call_id, 45_000, HangupCause.NO_ANSWER)
    assert await bench.used_s(call_id) == 0.0


async def test_limits_count_calls_that_go_on_in_full(database) -> None:
    bench = await Bench(database, minutes_per_day=20, max_call_s=900, calls_at_once=5).started()
    await bench.dial()
    second = await bench.dial()
    assert bench.placed.take(second).max_call_s == 300
    with pytest.raises(DialRefused) as refused:
        await bench.dial()
    assert refused.value.reason == "no_minutes_left"


async def test_a_hundred_at_once_are_two(database) -> None:
    bench = await Bench(
        database, calls_at_once=2, calls_per_number=500, calls_per_day=500
    ).started()
    found = await asyncio.gather(*(bench.dial() for _ in range(100)), return_exceptions=True)
    placed = [one for one in found if isinstance(one, str)]
    assert len(placed) == len(bench.line.placed) == 2
    assert {one.reason for one in found if isinstance(one, DialRefused)} == {"too_many_at_once"}
    await bench.end(placed[0])
    await bench.dial()


async def test_limits_are_those_of_the_last_day_and_hour(database) -> None:
    bench = await Bench(database, calls_per_number=1, calls_per_day=2).started()
    await bench.end(await bench.dial())
    with pytest.raises(DialRefused) as refused:
        await bench.dial()
    assert refused.value.reason == "too_often"
    bench.now += 3_601
    await bench.end(await bench.dial())
    bench.now += 3_601
    with pytest.raises(DialRefused) as refused:
        await bench.dial()
    assert (refused.value.reason, refused.value.retry_after_s > 0) == ("too_many_today", True)
    bench.now += 86_400
    await bench.dial()


async def test_a_clock_that_is_set_back_forgets_nothing(database) -> None:
    bench = await Bench(database, calls_per_number=1, calls_per_day=2).started()
    await bench.end(await bench.dial())
    bench.now -= 1_800
    with pytest.raises(DialRefused) as refused:
        await bench.dial()
    assert refused.value.reason == "too_often"
    await bench.end(await bench.dial("+4930654321"))
    with pytest.raises(DialRefused) as refused:
        await bench.dial("+4930654322")
    assert refused.value.reason == "too_many_today"


async def test_whoever_gives_up_asking_for_a_call_that_goes_on_does_not_hide_it(database) -> None:
    bench = await Bench(database, calls_at_once=1).started()
    told: list[DialledNews] = []
    bench.dialler.watch(told.append)
    bench.line.makes_legs = False
    asking = asyncio.create_task(bench.dial())
    await asyncio.sleep(1)
    call_id, *_ = bench.line.placed[0]
    assert bench.placed.take(call_id) is not None  # its leg is there; its room is being looked up
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    with pytest.raises(DialRefused) as refused:
        await bench.dial()
    assert refused.value.reason == "too_many_at_once"
    bench.answer(call_id, 1_000)
    await bench.end(call_id, 31_000)
    assert await bench.used_s(call_id) == 30.0
    assert [one.was_answered for one in told] == [True, True]
    assert bench.dialler.live == 0


async def test_what_a_crash_left_counts_in_full(database) -> None:
    before = await Bench(database, minutes_per_day=20).started()
    await before.dial()
    after = await Bench(database, minutes_per_day=20).started()
    call_id = await after.dial()
    assert after.placed.take(call_id).max_call_s == 300


async def test_one_key_is_one_call(database) -> None:
    bench = await Bench(database).started()
    first = await bench.dialler.dial(DialRequest(to=TO), key="k")
    again = await bench.dialler.dial(DialRequest(to=TO), key="k")
    assert (first.is_new, again.is_new) == (True, False)
    assert first.call_id == again.call_id
    assert len(bench.line.placed) == 1
    with pytest.raises(DialRefused) as refused:
        await bench.dialler.dial(DialRequest(to=TO, agent="desk"), key="k")
    assert refused.value.reason == "key_reused"


async def test_one_key_at_the_same_moment_is_one_call(database) -> None:
    bench = await Bench(database, calls_at_once=5).started()
    found = await asyncio.gather(
        *(bench.dialler.dial(DialRequest(to=TO), key="k") for _ in range(4))
    )
    assert len({one.call_id for one in found}) == 1
    assert len(bench.line.placed) == 1
    assert bench.dialler.live == 1


async def test_the_worker_that_takes_no_call_costs_nothing(database) -> None:
    bench = await Bench(database).started()
    bench.line.takes = False
    with pytest.raises(DialFailed):
        await bench.dial(key="k")
    bench.line.takes, bench.line.makes_legs = True, False
    began = asyncio.get_running_loop().time()
    with pytest.raises(DialFailed):
        await bench.dial(key="k")
    assert asyncio.get_running_loop().time() - began == pytest.approx(LEG_BOUND_S)
    assert bench.dialler.live == 0
    late, *_ = bench.line.placed[-1]
    assert bench.placed.take(late) is None  # a leg that comes now is refused
    bench.line.makes_legs = True
    assert (await bench.dialler.dial(DialRequest(to=TO), key="k")).is_new


async def test_nothing_is_placed_without_a_worker_or_at_the_end(database) -> None:
    bench = await Bench(database).started()
    bench.line.is_ready = False
    with pytest.raises(DialFailed):
        await bench.dial()
    bench.line.is_ready = True
    bench.dialler.refuse_new()
    with pytest.raises(DialFailed):
        await bench.dial()
    assert not bench.line.placed


async def test_whoever_gives_up_asking_leaves_nothing_behind(database) -> None:
    bench = await Bench(database).started()
    bench.line.makes_legs = False
    asking = asyncio.create_task(bench.dial())
    await asyncio.sleep(1)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await asyncio.sleep(0.1)
    assert bench.dialler.live == 0
    call_id, *_ = bench.line.placed[0]
    assert bench.placed.take(call_id) is None
    assert await bench.used_s(call_id) == 0.0


async def test_agents_and_rules_are_looked_at(database) -> None:
    bench = await Bench(database).started()
    with pytest.raises(DialRefused) as refused:
        await bench.dialler.dial(DialRequest(to=TO, agent="nobody"))
    assert refused.value.reason == "no_agent"
    bench.dialler.replace_rules(DiallingSection())
    with pytest.raises(DialRefused) as refused:
        await bench.dial()
    assert refused.value.reason == "not_allowed"
    assert bench.refused == ["no_agent", "not_allowed"]


async def test_news_of_a_call_are_told(database) -> None:
    bench = await Bench(database).started()
    told: list[DialledNews] = []
    bench.dialler.watch(told.append)
    call_id = await bench.dial(cause="message:m_1")
    bench.answer(call_id)
    await bench.end(call_id)
    assert [(one.cause, one.was_answered, one.why) for one in told] == [
        ("message:m_1", True, None),
        ("message:m_1", True, HangupCause.AGENT_HUNG_UP),
    ]


# Calls back as messages ----------------------------------------------------------------------------


def message(**more) -> OutboundMessage:
    return OutboundMessage(
        **{
            "message_id": "m_1",
            "room_id": "r_1",
            "channel": Channel.VOICE,
            "sender": "+493099",
            "recipient": TO,
            "text": "Hello again.",
            "cause": "fallback:call:c_0#0",
            **more,
        }
    )


async def calling(database, **rules) -> tuple[Bench, VoiceTransport, list[Receipt]]:
    bench = await Bench(database, **rules).started()
    transport = VoiceTransport(bench.dialler, database, clock=lambda: bench.now)
    receipts: list[Receipt] = []

    async def receive(receipt: Receipt) -> None:
        receipts.append(receipt)

    await transport.start(receive)
    return bench, transport, receipts


async def test_a_message_is_the_greeting_of_a_call(database) -> None:
    bench, transport, receipts = await calling(database)
    taken = await transport.send(message())
    call = bench.placed.take(taken.provider_id)
    assert call is not None
    assert (call.greeting, call.person) == ("Hello again.", TO)
    bench.answer(taken.provider_id)
    await asyncio.sleep(0.1)
    assert [(one.status, one.message_id) for one in receipts] == [(MessageStatus.DELIVERED, "m_1")]


async def test_a_call_that_nobody_takes_is_a_message_that_failed(database) -> None:
    bench, transport, receipts = await calling(database)
    taken = await transport.send(message())
    await bench.end(taken.provider_id, cause=HangupCause.BUSY)
    (receipt,) = receipts
    assert (receipt.status, receipt.error_code) == (MessageStatus.FAILED, "voice_busy")


async def test_the_same_message_calls_once(database) -> None:
    bench, transport, _ = await calling(database)
    first, again = await transport.send(message()), await transport.send(message())
    assert first.provider_id == again.provider_id
    assert len(bench.line.placed) == 1


@pytest.mark.parametrize(
    ("rules", "code", "may_retry"),
    [
        ({"allow": ()}, "dial_not_allowed", False),
        ({"calls_at_once": 0}, "dial_too_many_at_once", True),
        ({"calls_per_day": 0}, "dial_too_many_today", False),
    ],
)
async def test_what_may_not_be_dialled_fails(database, rules, code, may_retry) -> None:
    _, transport, _ = await calling(database, **rules)
    with pytest.raises(SendFailed) as failed:
        await transport.send(message())
    assert (failed.value.code, failed.value.may_retry) == (code, may_retry)


async def test_without_a_worker_it_is_tried_again(database) -> None:
    bench, transport, _ = await calling(database)
    bench.line.is_ready = False
    with pytest.raises(SendFailed) as failed:
        await transport.send(message())
    assert failed.value.may_retry


async def test_a_call_of_which_a_crash_left_no_trace_is_placed_anew(database) -> None:
    bench, transport, _ = await calling(database)
    await transport.send(message())
    after, transport, _ = await calling(database)
    assert await transport.find(message(), since=bench.now) is None
    await transport.send(message())
    assert len(after.line.placed) == 1


async def test_a_call_that_goes_on_is_found(database) -> None:
    bench, transport, _ = await calling(database)
    taken = await transport.send(message())
    found = await transport.find(message(), since=bench.now)
    assert found is not None
    assert found.provider_id == taken.provider_id
    assert await transport.find(message(message_id="m_2"), since=bench.now) is None


async def test_a_room_whose_voice_is_muted_is_not_called(database) -> None:
    bench = await Bench(database).started()

    def mute(connection) -> None:
        room_id = room_lines.room_of(
            connection, Channel.VOICE, number="+493099", address=TO, at=1.0
        )
        rules = ChannelAccess(is_muted=True)
        room_access.set_access(connection, room_id, Channel.VOICE, rules, at=1.0)

    await database.transact(mute)
    with pytest.raises(DialRefused) as refused:
        await bench.dial()
    assert refused.value.reason == "room"
    assert bench.line.placed == []
    assert bench.dialler.live == 0
