"""The list of rooms: the newest first, each once, with its last words, however it was reached."""

import time

import pytest

from gateway.model.events import EndpointKind, Offered
from gateway.model.line import Role
from gateway.rooms.timeline import Entry, Kind
from gateway.store.room_list import latest_rooms
from gateway.store.store import Store


@pytest.fixture
async def store(tmp_path):
    store = Store(tmp_path / "data")
    await store.start()
    yield store
    await store.close()


async def call(store: Store, number: int, *said: str) -> str:
    """Write down a call of a person, `number` of whom is one person; returns the room."""
    caller = f"+49301234{number:02}"
    room = await store.room_for(number="100", person=caller)
    call_id = f"c_{number}_{time.monotonic_ns()}"
    offered = Offered(
        call_id=call_id,
        at_s=time.monotonic(),
        endpoint=EndpointKind.FAKE,
        caller=caller,
        callee="100",
    )
    store.call_offered(offered, room_id=room.room_id, agent="desk")
    for text in said:
        store.append(
            Entry(
                room_id=room.room_id,
                call_id=call_id,
                kind=Kind.USER_SAID,
                offset_ms=1.0,
                role=Role.USER,
                text=text,
            )
        )
    store.append(Entry(room_id=room.room_id, call_id=call_id, kind=Kind.RINGING, offset_ms=1.0))
    await store.flush()
    return room.room_id


async def test_no_rooms_is_an_empty_list(store):
    assert await store.read(latest_rooms(5)) == []


async def test_the_newest_come_first_with_their_last_words(store):
    first = await call(store, 1, "hello", "good morning")
    second = await call(store, 2)
    again = await call(store, 1, "me again")

    rooms = await store.read(latest_rooms(5))

    assert again == first
    assert [room.room_id for room in rooms] == [first, second]
    assert [(room.kind, room.text) for room in rooms] == [("user_said", "me again"), ("", "")]
    assert rooms[0].number == "100"
    assert rooms[0].person.endswith("+4930123401")
    assert rooms[0].lines == 5
    assert rooms[0].at > rooms[1].at


async def test_no_more_than_asked_for(store):
    rooms = [await call(store, number) for number in range(6)]

    found = await store.read(latest_rooms(3))

    assert [room.room_id for room in found] == rooms[:2:-1]
