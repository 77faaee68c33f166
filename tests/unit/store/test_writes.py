"""Tests of gateway/store/writes.py, on a database in memory."""

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.pool import StaticPool

from gateway.rooms.timeline import Entry, Kind
from gateway.store import schema
from gateway.store.writes import Applier, CallClosed, CallOpened, EntryAppended, RoomMade


@pytest.fixture
def connection():
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.begin() as connection:
        schema.prepare(connection)
        yield connection
    engine.dispose()


def a_room(room_id="r_1", person="+491") -> RoomMade:
    return RoomMade(room_id=room_id, number="100", person=person, created_at=1.0)


def a_call(call_id="c_1", room_id="r_1") -> CallOpened:
    names = ["endpoint", "direction", "caller", "callee", "caller_name", "foreign_id", "source"]
    columns = {**dict.fromkeys(names, "x"), "agent": "echo", "offered_at": 10.0}
    return CallOpened(call_id=call_id, room_id=room_id, columns=columns)


def an_entry(number: int, room_id="r_1", kind=Kind.DTMF) -> EntryAppended:
    entry = Entry(room_id=room_id, call_id="c_1", kind=kind, offset_ms=float(number))
    return EntryAppended(f"e{number}", entry)


def sequence(connection, room_id="r_1") -> list[tuple[int, str]]:
    rows = select(schema.timeline.c.seq, schema.timeline.c.entry_id).where(
        schema.timeline.c.room_id == room_id
    )
    return [tuple(row) for row in connection.execute(rows.order_by(schema.timeline.c.seq))]


def test_entries_are_numbered_within_their_room_in_the_order_written(connection):
    applier = Applier()
    applier.apply(connection, [a_room(), a_room("r_2", "+492"), a_call()])
    applier.apply(connection, [an_entry(1), an_entry(2, "r_2"), an_entry(3)])
    applier.apply(connection, [an_entry(4)])

    assert sequence(connection) == [(1, "e1"), (2, "e3"), (3, "e4")]
    assert sequence(connection, "r_2") == [(1, "e2")]


def test_a_batch_applied_again_leaves_one_copy(connection):
    applier = Applier()
    batch = [a_room(), a_call(), an_entry(1), an_entry(2)]
    applier.apply(connection, batch)
    applier.apply(connection, [*batch, an_entry(3)], again=True)

    assert sequence(connection) == [(1, "e1"), (2, "e2"), (3, "e3")]


def test_a_room_made_up_in_an_outage_becomes_the_one_there_was(connection):
    applier = Applier()
    applier.apply(connection, [a_room("r_old")])
    applier.apply(connection, [a_room("r_new"), a_call("c_1", "r_new"), an_entry(1, "r_new")])

    assert sequence(connection, "r_old") == [(1, "e1")]
    assert connection.execute(select(schema.calls.c.room_id)).scalars().all() == ["r_old"]
    assert connection.execute(select(schema.rooms.c.room_id)).scalars().all() == ["r_old"]


def test_an_entry_survives_the_loss_of_its_room_and_call(connection):
    Applier().apply(connection, [an_entry(1, "r_lost")])

    assert sequence(connection, "r_lost") == [(1, "e1")]


def test_the_answer_and_the_end_are_put_into_the_record_once(connection):
    applier = Applier()
    applier.apply(connection, [a_room(), a_call(), an_entry(250, kind=Kind.ANSWERED)])
    applier.apply(
        connection,
        [
            CallClosed(call_id="c_1", cause="caller_hung_up", detail="BYE", ended_ms=900.0),
            CallClosed(call_id="c_1", cause="busy", detail="", ended_ms=950.0),
        ],
    )

    row = connection.execute(select(schema.calls)).one()
    assert (row.answered_ms, row.ended_ms, row.cause, row.detail) == (
        250.0,
        900.0,
        "caller_hung_up",
        "BYE",
    )
