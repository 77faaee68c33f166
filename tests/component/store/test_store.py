"""The store on a real file: what it keeps, what it tells, how it opens."""

import asyncio
import stat
import time

import pytest
from sqlalchemy import text

from gateway.errors import StoreError
from gateway.model.events import EndpointKind, Offered
from gateway.model.hangup import HangupCause
from gateway.model.line import Role, Said
from gateway.rooms.timeline import Entry, Kind
from gateway.store.store import Store


@pytest.fixture
async def store(tmp_path):
    store = Store(tmp_path / "data")
    await store.start()
    yield store
    await store.close()


def offered(call_id: str = "c_1", caller: str = "+4930123456") -> Offered:
    return Offered(
        call_id=call_id,
        at_s=time.monotonic(),
        endpoint=EndpointKind.FAKE,
        caller=caller,
        callee="100",
        foreign_id="abc@example.org",
        source="127.0.0.1:5070",
    )


def said(room_id: str, role: Role, text: str, *, call_id="c_1", **facts) -> Entry:
    kind = Kind.USER_SAID if role is Role.USER else Kind.AGENT_SAID
    return Entry(
        room_id=room_id,
        call_id=call_id,
        kind=kind,
        offset_ms=1.0,
        role=role,
        text=text,
        facts=facts,
    )


async def test_a_call_is_told_as_it_was_written(store):
    room = await store.room_for(number="100", person="sip:+49 30 123456")
    store.call_offered(offered(), room_id=room.room_id, agent="echo")
    store.append(Entry(room_id=room.room_id, call_id="c_1", kind=Kind.OFFERED, offset_ms=0.0))
    store.append(Entry(room_id=room.room_id, call_id="c_1", kind=Kind.ANSWERED, offset_ms=40.5))
    store.append(said(room.room_id, Role.AGENT, "Hello", interrupted=True, heard_ms=300.0))
    store.call_ended("c_1", cause=HangupCause.CALLER_HUNG_UP, detail="BYE", offset_ms=900.0)

    record = await store.call("c_1")
    lines = await store.call_timeline("c_1")

    assert record is not None
    assert (record.caller, record.agent, record.answered_ms) == ("+4930123456", "echo", 40.5)
    assert (record.cause, record.detail, record.ended_ms) == ("caller_hung_up", "BYE", 900.0)
    assert abs(record.offered_at - time.time()) < 60
    assert [(line.seq, line.kind) for line in lines] == [
        (1, "offered"),
        (2, "answered"),
        (3, "agent_said"),
    ]
    assert lines[2].facts == {"interrupted": True, "heard_ms": 300.0}
    assert lines[1].at == pytest.approx(record.offered_at + 0.0405)


async def test_the_same_person_comes_back_to_the_same_room_and_its_words(store):
    first = await store.room_for(number="100", person="+4930123456")
    store.append(said(first.room_id, Role.AGENT, "Hello", interrupted=True))
    store.append(Entry(room_id=first.room_id, call_id="c_1", kind=Kind.DTMF, offset_ms=2.0))
    store.append(said(first.room_id, Role.USER, "Hi"))

    again = await store.room_for(number="sip:100", person="+49 30 123456")
    other = await store.room_for(number="200", person="+4930123456")

    assert first.history == ()
    assert again.room_id == first.room_id
    assert again.history == (Said(Role.AGENT, "Hello", True), Said(Role.USER, "Hi"))
    assert other.room_id != first.room_id


async def test_many_calls_of_one_person_at_once_share_one_room(store):
    rooms = await asyncio.gather(*(store.room_for(number="100", person="+491") for _ in range(20)))

    assert len({room.room_id for room in rooms}) == 1


async def test_withheld_callers_share_no_room(store):
    rooms = [
        await store.room_for(number="100", person=who) for who in ("anonymous", "", "anonymous")
    ]

    assert len({room.room_id for room in rooms}) == 3


async def test_a_room_outlives_the_gateway(tmp_path):
    first = Store(tmp_path)
    await first.start()
    room = await first.room_for(number="100", person="+491")
    first.append(said(room.room_id, Role.USER, "Grüße, 你好"))
    await first.close()

    second = Store(tmp_path)
    await second.start()
    again = await second.room_for(number="100", person="+491")
    await second.close()

    assert again.room_id == room.room_id
    assert again.history == (Said(Role.USER, "Grüße, 你好"),)


async def test_text_no_database_takes_is_kept_without_its_bad_parts(store):
    room = await store.room_for(number="100", person="a\x00b\ud800")
    store.append(said(room.room_id, Role.USER, "one\x00two\ud800three", note="\udfff"))
    await store.flush()

    (line,) = await store.room_timeline(room.room_id, after=0, limit=10)

    assert line.text == "onetwo?three"
    assert line.facts == {"note": "?"}
    assert store.lost == 0


async def test_the_timeline_is_read_in_pages(store):
    room = await store.room_for(number="100", person="+491")
    for number in range(25):
        store.append(said(room.room_id, Role.USER, str(number)))

    first = await store.room_timeline(room.room_id, after=0, limit=10)
    rest = await store.room_timeline(room.room_id, after=first[-1].seq, limit=100)

    assert [line.text for line in first + rest] == [str(number) for number in range(25)]
    assert await store.room_timeline(room.room_id, after=25, limit=5) == []
    assert await store.room_timeline("r_none", after=0, limit=5) is None


async def test_calls_are_listed_newest_first_and_by_whether_they_go_on(store):
    room = await store.room_for(number="100", person="+491")
    for call_id in ("c_1", "c_2", "c_3"):
        store.call_offered(offered(call_id), room_id=room.room_id, agent="echo")
        await asyncio.sleep(0.002)
    store.call_ended("c_2", cause=HangupCause.NO_INPUT, detail="", offset_ms=5.0)

    assert [call.call_id for call in await store.calls(10)] == ["c_3", "c_2", "c_1"]
    assert [call.call_id for call in await store.calls(10, active=True)] == ["c_3", "c_1"]
    assert [call.call_id for call in await store.calls(10, active=False)] == ["c_2"]
    assert [call.call_id for call in await store.calls(1)] == ["c_3"]
    assert await store.call("c_9") is None


async def test_calls_left_open_by_a_crash_are_ended_at_the_next_start(tmp_path):
    crashed = Store(tmp_path)
    await crashed.start()
    room = await crashed.room_for(number="100", person="+491")
    for call_id in ("c_1", "c_2"):
        crashed.call_offered(offered(call_id), room_id=room.room_id, agent="echo")
    crashed.append(Entry(room_id=room.room_id, call_id="c_1", kind=Kind.ANSWERED, offset_ms=70.0))
    facts = {"cause": "caller_hung_up"}
    crashed.append(
        Entry(room_id=room.room_id, call_id="c_2", kind=Kind.ENDED, offset_ms=90.0, facts=facts)
    )
    await crashed.close()

    restarted = Store(tmp_path)
    await restarted.start()
    first, second = await restarted.call("c_1"), await restarted.call("c_2")
    lines = await restarted.call_timeline("c_1")
    ends = [line for line in await restarted.call_timeline("c_2") if line.kind == "ended"]
    await restarted.close()

    assert (first.cause, first.ended_ms) == ("internal_error", 70.0)
    assert [line.kind for line in lines] == ["answered", "ended"]
    assert (second.cause, len(ends)) == ("caller_hung_up", 1)


@pytest.mark.usefixtures("store")
async def test_only_one_gateway_has_a_data_directory(tmp_path):
    with pytest.raises(StoreError, match="in use by another gateway"):
        await Store(tmp_path / "data").start()


async def test_a_file_that_is_no_database_is_refused_with_its_name(tmp_path):
    (tmp_path / "offhook.db").write_bytes(b"not a database at all, but long enough" * 100)

    with pytest.raises(StoreError, match=r"offhook\.db.*not a database"):
        await Store(tmp_path).start()


async def test_only_the_owner_may_read_the_database(store, tmp_path):
    room = await store.room_for(number="100", person="+491")
    store.append(said(room.room_id, Role.USER, "secret"))
    await store.flush()

    for file in (tmp_path / "data").glob("offhook.db*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


async def test_an_overflow_refuses_the_newest_and_says_so_once(tmp_path, caplog):
    store = Store(tmp_path, backlog_limit=8)  # not started: nothing is written
    for number in range(20):
        store.append(said("r_1", Role.USER, str(number)))

    assert (store.backlog, store.lost) == (8, 12)
    assert len([record for record in caplog.records if "backlog is full" in record.message]) == 1


async def test_one_write_the_database_refuses_does_not_hold_up_the_others(store, caplog):
    room = await store.room_for(number="100", person="+491")
    store.call_offered(offered("c_1"), room_id=room.room_id, agent="echo")
    await store.flush()
    store.append(said(room.room_id, Role.USER, "before"))
    store.call_offered(offered("c_1"), room_id=room.room_id, agent="again")
    store.append(said(room.room_id, Role.USER, "bad", cannot={1, 2}))
    store.append(said(room.room_id, Role.USER, "after"))
    await store.flush()

    lines = await store.room_timeline(room.room_id, after=0, limit=10)
    assert [(line.seq, line.text) for line in lines] == [(1, "before"), (2, "after")]
    assert store.lost == 1
    assert store.trouble() == ""
    assert "dropped" in caplog.text


async def test_a_closed_store_reads_nothing_and_writes_nothing(tmp_path):
    store = Store(tmp_path)
    await store.start()
    await store.close()
    await store.close()

    store.append(said("r_1", Role.USER, "late"))
    assert store.trouble() == "not open"
    view = await store.room_for(number="100", person="+491")
    assert view.history == ()
    with pytest.raises(StoreError):
        await store.calls(5)


async def test_a_transaction_returns_once_it_is_on_the_disk_and_sees_what_was_before(store):
    room = await store.room_for(number="100", person="+491")

    def count(connection):
        return connection.execute(text("SELECT count(*) FROM rooms")).scalar()

    assert await store.transact(count) == 1
    assert await store.read(count) == 1
    assert room.room_id


async def test_a_transaction_raises_what_its_work_raises(store):
    def work(_connection):
        raise LookupError("no such message")

    with pytest.raises(LookupError):
        await store.transact(work)


async def test_a_transaction_after_closing_is_refused(store):
    await store.close()

    with pytest.raises(StoreError, match="closed"):
        await store.transact(lambda _connection: None)


async def test_a_line_of_no_call_has_the_time_it_tells(store):
    room = await store.room_for(number="100", person="+491")
    store.append(said(room.room_id, Role.USER, "Hi", call_id="", at=10.5))

    lines = await store.room_timeline(room.room_id, after=0, limit=9)

    assert lines is not None
    assert [(line.at, line.text) for line in lines] == [(10.5, "Hi")]


async def test_linked_addresses_share_a_room_from_then_on(store):
    phone = await store.room_for(number="100", person="+491")
    mail = await store.room_for(number="100", person="email:a@b")
    assert mail.room_id != phone.room_id

    await store.link("email:a@b", "+491")
    await store.link("telegram:7", "+491")

    for person in ("email:a@b", "telegram:7", "+491"):
        assert (await store.room_for(number="100", person=person)).room_id == phone.room_id
    assert await store.unlink("email:a@b")
    assert (await store.room_for(number="100", person="email:a@b")).room_id == mail.room_id


async def test_a_person_met_by_an_alias_first_has_one_room(store):
    await store.link("telegram:7", "+491")

    rooms = [await store.room_for(number="100", person=who) for who in ("telegram:7", "+491")]

    assert rooms[0].room_id == rooms[1].room_id
