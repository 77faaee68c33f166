"""Events reach every watcher in order, none waits for another, and who comes back misses nothing that is kept."""

import asyncio
import json

import pytest

from gateway.console.bus import EventBus, TooManyWatchers


def parsed(piece: bytes) -> list[tuple[str, str, dict]]:
    """Return id, kind and facts of each event of a piece of the stream."""
    events = []
    for block in piece.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        if fields:
            events.append((fields.get("id", ""), fields["event"], json.loads(fields["data"])))
    return events


async def taken(watcher) -> list[tuple[str, str, dict]]:
    async with asyncio.timeout(1):
        return parsed(await watcher.take())


def numbers(events) -> list[int]:
    return [facts["n"] for _, kind, facts in events if kind == "line"]


async def test_events_come_in_order_and_each_has_an_id():
    bus = EventBus()
    watcher = bus.subscribe()
    bus.publish("line", {"n": 1})
    bus.publish("line", {"n": 2, "text": "two\nlines — and a dash"})

    hello, first, second = await taken(watcher)

    assert hello[1:] == ("hello", {"is_complete": False})
    assert (first[1], first[2]) == ("line", {"n": 1})
    assert second[2]["text"] == "two\nlines — and a dash"
    assert len({hello[0], first[0], second[0]}) == 3


async def test_who_comes_back_gets_what_happened_meanwhile():
    bus = EventBus()
    watcher = bus.subscribe()
    bus.publish("line", {"n": 1})
    last_id = (await taken(watcher))[-1][0]
    bus.unsubscribe(watcher)
    bus.publish("line", {"n": 2})
    bus.publish("line", {"n": 3})

    events = await taken(bus.subscribe(last_id))

    assert events[0][2] == {"is_complete": True}
    assert numbers(events) == [2, 3]


async def test_nothing_missing_is_complete_too():
    bus = EventBus()
    (hello,) = await taken(bus.subscribe())

    (again,) = await taken(bus.subscribe(hello[0]))

    assert again[2] == {"is_complete": True}


@pytest.mark.parametrize("last_id", ["", "other-1", "nonsense", "{run}-999", "{run}-x", "{run}-1"])
async def test_an_id_that_is_not_kept_means_that_everything_must_be_asked_again(last_id):
    bus = EventBus(kept=2)
    (hello,) = await taken(bus.subscribe())
    run = hello[0].partition("-")[0]
    for number in range(5):
        bus.publish("line", {"n": number})

    events = await taken(bus.subscribe(last_id.format(run=run)))

    assert [kind for _, kind, _ in events] == ["hello"]
    assert events[0][2] == {"is_complete": False}


async def test_a_slow_watcher_loses_its_oldest_and_nobody_else_does():
    bus = EventBus(waiting_most=3)
    slow, quick = bus.subscribe(), bus.subscribe()
    seen = []
    for number in range(6):
        bus.publish("line", {"n": number})
        seen += numbers(await taken(quick))

    assert numbers(await taken(slow)) == [3, 4, 5]
    assert slow.missed == 4  # the hello among them
    assert (quick.missed, seen) == (0, list(range(6)))
    assert bus.statistics().missed == 4


async def test_only_the_newest_of_what_is_shown_waits_and_it_is_not_kept():
    bus = EventBus()
    watcher = bus.subscribe()
    for number in range(100):
        bus.show("live", {"n": number})

    events = await taken(watcher)

    assert [facts for _, kind, facts in events if kind == "live"] == [{"n": 99}]
    assert [kind for _, kind, _ in await taken(bus.subscribe(events[0][0]))] == ["hello"]


async def test_watchers_are_bounded():
    bus = EventBus(watchers_most=2)
    first = bus.subscribe()
    bus.subscribe()

    with pytest.raises(TooManyWatchers):
        bus.subscribe()
    bus.unsubscribe(first)
    bus.subscribe()
    assert bus.statistics().watchers == 2


async def test_closing_ends_everybody_who_waits():
    bus = EventBus()
    watcher = bus.subscribe()
    await watcher.take()
    waiting = asyncio.create_task(watcher.take())
    await asyncio.sleep(0)

    bus.close()

    async with asyncio.timeout(1):
        assert await waiting == b""
