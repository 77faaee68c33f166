"""Hooks by dotted name, and what bounds them."""

import asyncio

import pytest

from gateway.errors import ConfigError
from gateway.rooms.hooks import Hooks, Point, load_hook


def test_a_dotted_name_gives_the_function():
    assert load_hook("asyncio.sleep") is asyncio.sleep


@pytest.mark.parametrize("name", ["sleep", "no.such.module", "asyncio.nothing", "json.loads"])
def test_what_is_no_async_function_is_refused(name):
    with pytest.raises(ConfigError, match="hook"):
        load_hook(name)


async def test_a_hook_that_hangs_is_left_behind():
    async def hang(room_id):
        await asyncio.sleep(1000)

    async def answer(room_id):
        return room_id

    began_s = asyncio.get_running_loop().time()
    hooks = Hooks({Point.SPEECH: [hang, answer]}, bound_s=2.0)
    assert await hooks.call(Point.SPEECH, "r_1") == ["r_1"]
    assert asyncio.get_running_loop().time() - began_s == pytest.approx(2.0)
    assert await hooks.call(Point.SESSION_ENDED, "r_1") == []
