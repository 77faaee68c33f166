"""Which calls are found, in a real database."""

import time

import pytest

from gateway.model.events import Direction, EndpointKind, Offered
from gateway.model.hangup import HangupCause
from gateway.store.call_filter import CallFilter
from gateway.store.store import Store

START_S = time.monotonic()


@pytest.fixture
async def store(tmp_path):
    """Five calls, a second apart, the newest last."""
    store = Store(tmp_path / "data")
    await store.start()
    room = await store.room_for(number="100", person="+491")
    rows = [
        ("c_a", "+491", "100", Direction.INBOUND, "echo", HangupCause.CALLER_HUNG_UP),
        ("c_b", "+492", "+49 (30) 1234567", Direction.INBOUND, "desk", HangupCause.CAPACITY),
        ("c_c", "100", "+491", Direction.OUTBOUND, "desk", HangupCause.BUSY),
        ("c_d", "+491", "200", Direction.INBOUND, "desk", HangupCause.NO_ANSWER),
        ("c_e", "+493", "100", Direction.INBOUND, "desk", None),
    ]
    for index, (call_id, caller, callee, direction, agent, cause) in enumerate(rows):
        offered = Offered(
            call_id=call_id,
            at_s=time.monotonic() - 100 + index,
            endpoint=EndpointKind.SIP if index else EndpointKind.WEBRTC,
            caller=caller,
            callee=callee,
            direction=direction,
        )
        store.call_offered(offered, room_id=room.room_id, agent=agent)
        if cause is not None:
            store.call_ended(call_id, cause=cause, detail="", offset_ms=1.0)
    yield store
    await store.close()


async def found(store: Store, **wanted: object) -> str:
    calls = await store.calls(10, wanted=CallFilter(**wanted))
    return "".join(call.call_id[-1] for call in calls)


async def test_each_condition_and_all_together(store):
    assert await found(store) == "edcba"
    assert await found(store, active=True) == "e"
    assert await found(store, active=False) == "dcba"
    assert await found(store, agent="echo") == "a"
    assert await found(store, endpoint="sip") == "edcb"
    assert await found(store, direction="outbound") == "c"
    assert await found(store, causes=("busy", "capacity")) == "cb"
    # Our number is the one dialled, or the one we dialled from; people's is the other.
    assert await found(store, number="100") == "eca"
    assert await found(store, person="+491") == "dca"
    assert await found(store, number="100", person="+491", direction="inbound") == "a"


async def test_times_and_pages(store):
    every = await store.calls(10)
    assert await found(store, since=every[2].offered_at) == "edc"
    assert await found(store, until=every[2].offered_at) == "ba"
    after = (every[1].offered_at, every[1].call_id)
    assert await found(store, after=after) == "cba"
    assert await found(store, after=after, number="100") == "ca"
