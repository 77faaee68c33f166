"""A supervisor's lines into a call: each request counts once, however often and fast it comes."""

import asyncio

import pytest

from gateway.errors import KeyReused
from gateway.rooms.operator import Operator


class Call:
    call_id = "c_1"

    def __init__(self):
        self.said = []

    def say(self, parts, *, by):
        self.said.append(parts)
        return asyncio.get_running_loop().create_future()


class Calls:
    def __init__(self):
        self.call = Call()

    def in_room(self, _room_id):
        return self.call


class Letters:
    async def text_of(self, _cause):
        await asyncio.sleep(0.01)
        return None


@pytest.fixture
async def desk():
    calls = Calls()
    operator = Operator(None, Letters(), None, calls, clock=lambda: 1.0)
    yield operator, calls.call
    for task in operator._waiting:
        task.cancel()


async def test_one_request_that_comes_twice_at_once_is_said_once(desk):
    operator, call = desk
    sent = await asyncio.gather(*(operator.say("r_1", "Hello", key="k") for _ in range(3)))
    assert call.said == [("Hello",)]
    assert sorted(one.is_duplicate for one in sent) == [False, True, True]
    assert {one.call_id for one in sent} == {"c_1"}


async def test_a_key_is_for_one_line(desk):
    operator, call = desk
    await operator.say("r_1", "Hello", key="k")
    with pytest.raises(KeyReused):
        await operator.say("r_1", "Good-bye", key="k")
    assert call.said == [("Hello",)]


async def test_without_a_key_each_request_is_a_line_of_its_own(desk):
    operator, call = desk
    await asyncio.gather(*(operator.say("r_1", "Hello") for _ in range(2)))
    assert call.said == [("Hello",), ("Hello",)]
