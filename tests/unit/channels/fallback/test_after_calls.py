"""Tests of gateway/channels/fallback/after_calls.py: every ended call is looked at, once it is on disk."""

import asyncio

import pytest

from gateway.channels.fallback import after_calls
from gateway.channels.fallback.after_calls import AfterCalls
from gateway.errors import StoreError
from gateway.model.hangup import HangupCause
from gateway.rooms.watched_recorder import CallEnd


class Store:
    def __init__(self):
        self.flushes = 0

    async def flush(self):
        self.flushes += 1


class Fallback:
    """Fails as often as told, and remembers what it was asked."""

    def __init__(self):
        self.asked = []
        self.catch_ups = 0
        self.failures = {}
        self.hangs = False

    async def call_ended(self, call_id):
        if self.hangs:
            await asyncio.Event().wait()
        failures = self.failures.get(call_id)
        if failures:
            raise failures.pop(0)
        self.asked.append(call_id)

    async def catch_up(self):
        self.catch_ups += 1
        return 0


def ended(call_id):
    return CallEnd(call_id=call_id, cause=HangupCause.WORKER_LOST, detail="", offset_ms=100.0)


@pytest.fixture
def rig():
    return AfterCalls(store := Store(), fallback := Fallback()), fallback, store


async def test_calls_are_looked_at_in_order_after_a_flush(rig):
    after, fallback, store = rig
    after.start()
    for call_id in ("a", "b", "c"):
        after.call_ended(ended(call_id))

    await after.close(1)

    assert fallback.asked == ["a", "b", "c"]
    assert store.flushes >= 1


async def test_what_an_earlier_life_left_is_looked_at_first_of_all(rig):
    after, fallback, _ = rig
    after.start()

    await after.close(1)

    assert fallback.catch_ups == 1


async def test_a_failing_store_is_asked_again(rig, monkeypatch):
    monkeypatch.setattr(after_calls, "RETRY_S", 0.0)
    after, fallback, _ = rig
    fallback.failures["a"] = [StoreError("disk full"), StoreError("disk full")]
    after.start()
    after.call_ended(ended("a"))

    await after.close(1)

    assert fallback.asked == ["a"]


async def test_a_call_that_cannot_be_judged_does_not_hold_up_others(rig, caplog):
    after, fallback, _ = rig
    fallback.failures["a"] = [KeyError("odd")]
    after.start()
    after.call_ended(ended("a"))
    after.call_ended(ended("b"))

    await after.close(1)

    assert fallback.asked == ["b"]
    assert "could not be judged" in caplog.text


async def test_what_does_not_fit_is_found_again_in_the_store(rig, monkeypatch):
    monkeypatch.setattr(after_calls, "WAITING_MOST", 2)
    after, fallback, _ = rig
    for call_id in ("a", "b", "c"):
        after.call_ended(ended(call_id))
    after.start()
    await after.close(1)

    assert fallback.asked == ["a", "b"]
    assert fallback.catch_ups == 1


async def test_the_end_is_bounded_and_may_come_twice(rig):
    after, fallback, _ = rig
    fallback.hangs = True
    after.start()
    after.call_ended(ended("a"))

    await after.close(0.01)
    await after.close(0.01)

    assert fallback.asked == []
