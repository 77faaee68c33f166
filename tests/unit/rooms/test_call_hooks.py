"""Hooks of calls: in order, off the call's path, and harmless when they fail or hang."""

import asyncio

from gateway.model.events import EndpointKind, Offered
from gateway.model.hangup import HangupCause
from gateway.model.line import Role
from gateway.rooms.call_hooks import CALL_WAITING_MOST, CallHooks
from gateway.rooms.hooks import Hooks, Point
from gateway.rooms.timeline import Entry, Kind
from gateway.rooms.watched_recorder import CallEnd

ALL = (Point.SESSION_STARTED, Point.SPEECH, Point.SESSION_ENDED)


def offered(call_id="c_1"):
    return Offered(
        call_id=call_id, at_s=0.0, endpoint=EndpointKind.FAKE, caller="+15550001", callee="100"
    )


def said(text, *, call_id="c_1", role=Role.USER, kind=Kind.USER_SAID):
    return Entry(room_id="r_1", call_id=call_id, kind=kind, offset_ms=1.0, role=role, text=text)


def ended(call_id="c_1"):
    return CallEnd(call_id=call_id, cause=HangupCause.CALLER_HUNG_UP, detail="", offset_ms=900.0)


def watcher(hook):
    return CallHooks(Hooks({point: [hook] for point in ALL}, bound_s=2.0))


async def test_a_call_is_told_from_its_offer_to_its_end_in_order():
    told = []

    async def hook(room_id, call_id, **facts):
        await asyncio.sleep(1 if not told else 0)
        told.append((room_id, call_id, facts.get("text") or facts.get("cause") or facts["agent"]))

    hooks = watcher(hook)
    hooks.call_offered(offered(), room_id="r_1", agent="desk")
    hooks.appended(said("hello"))
    hooks.appended(said("hi", role=Role.AGENT, kind=Kind.AGENT_SAID))
    hooks.appended(Entry(room_id="r_1", call_id="c_1", kind=Kind.ANSWERED, offset_ms=0.0))
    hooks.call_ended(ended())
    await hooks.close()
    assert told == [("r_1", "c_1", text) for text in ("desk", "hello", "hi", "caller_hung_up")]
    assert hooks.dropped == 0


async def test_a_failing_hook_hurts_neither_the_call_nor_the_next_hook():
    told = []

    async def hook(room_id, **facts):
        told.append(facts.get("text"))
        raise ValueError("mine")

    hooks = watcher(hook)
    hooks.appended(said("one"))
    hooks.appended(said("two"))
    await hooks.close()
    assert told == ["one", "two"]


async def test_a_hook_that_hangs_holds_up_its_own_call_only_and_not_for_ever():
    loop = asyncio.get_running_loop()
    told = []

    async def hook(room_id, call_id, **facts):
        if facts.get("text") == "hang":
            await asyncio.sleep(1000)
        told.append((call_id, facts.get("text"), loop.time()))

    hooks = watcher(hook)
    began_s = loop.time()
    hooks.appended(said("hang"))
    hooks.appended(said("after"))
    hooks.appended(said("other", call_id="c_2"))
    assert loop.time() == began_s  # whoever records is not held up
    await asyncio.sleep(3)
    assert [(call_id, text) for call_id, text, _ in told] == [("c_2", "other"), ("c_1", "after")]
    await hooks.close()


async def test_a_flood_is_bounded_and_counted():
    async def hook(room_id, **facts):
        await asyncio.sleep(1)

    hooks = watcher(hook)
    for number in range(CALL_WAITING_MOST + 50):
        hooks.appended(said(str(number)))
    assert hooks.dropped == 50
    await hooks.close()
    hooks.appended(said("again"))
    await hooks.close()
    assert hooks.dropped == 50


async def test_without_hooks_nothing_is_kept():
    hooks = CallHooks(Hooks())
    hooks.call_offered(offered(), room_id="r_1", agent="desk")
    hooks.appended(said("hello"))
    hooks.call_ended(ended())
    assert not hooks._tasks
    assert not hooks._rooms
