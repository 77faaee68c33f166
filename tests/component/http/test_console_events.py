"""The stream of events over real sockets: order, coming back, slow readers, many readers, the end."""

import asyncio
import contextlib
import json

import aiohttp
import pytest

from gateway.config import HttpSection
from gateway.console.bus import EventBus
from gateway.http.console import events
from gateway.http.server import HttpServer, build_app
from gateway.metrics import Metrics
from tests.support.fake_http_ports import FakeGateway

TOKEN = "t" * 40
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
BOUND_S = 10


@pytest.fixture
def bus():
    return EventBus()


@pytest.fixture
async def server(bus):
    fake = FakeGateway()
    app = build_app(
        token=TOKEN, live=fake, readiness=fake, archive=fake, registry=Metrics().registry
    )
    events.add_routes(app, bus)
    server = HttpServer(HttpSection(port=0), app)
    server.port = await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def session(server):
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:
        yield session


@contextlib.asynccontextmanager
async def watching(session, last_id=""):
    headers = {**HEADERS, **({"Last-Event-ID": last_id} if last_id else {})}
    async with session.get("/api/v1/events", headers=headers) as answer:
        yield answer


async def next_event(answer) -> tuple[str, str, dict]:
    """Return id, kind and facts of the next event; comments and `retry` are passed over."""
    fields: dict[str, str] = {}
    async with asyncio.timeout(BOUND_S):
        while True:
            line = (await answer.content.readline()).decode().rstrip("\n")
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "event" in fields:
                return fields.get("id", ""), fields["event"], json.loads(fields["data"])
            else:
                assert not answer.content.at_eof()
                fields = {}


async def until(condition):
    async with asyncio.timeout(BOUND_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_stranger_gets_nothing(session):
    answer = await session.get("/api/v1/events")

    assert answer.status == 401


async def test_there_is_no_head_of_what_never_ends(session, bus):
    answer = await session.head("/api/v1/events", headers=HEADERS)

    assert (answer.status, answer.headers["Allow"]) == (405, "GET")
    assert bus.statistics().watchers == 0


async def test_events_come_as_they_happen(session, bus):
    async with watching(session) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["Cache-Control"] == "no-store"
        assert (await next_event(answer))[1:] == ("hello", {"is_complete": False})
        for number in range(3):
            bus.publish("line", {"n": number})
            assert (await next_event(answer))[1:] == ("line", {"n": number})


async def test_whoever_comes_back_misses_nothing(session, bus):
    async with watching(session) as answer:
        await next_event(answer)
        bus.publish("line", {"n": 1})
        last_id, _, _ = await next_event(answer)
    for number in (2, 3):
        bus.publish("line", {"n": number})

    async with watching(session, last_id) as answer:
        assert (await next_event(answer))[2] == {"is_complete": True}
        assert [(await next_event(answer))[2]["n"] for _ in range(2)] == [2, 3]


async def test_a_watcher_that_leaves_is_forgotten(session, bus):
    async with watching(session) as answer:
        await next_event(answer)
        assert bus.statistics().watchers == 1

    def is_forgotten() -> bool:
        # What is sent tells that nobody is there; in quiet times the comments do.
        bus.publish("line", {})
        return bus.statistics().watchers == 0

    await until(is_forgotten)


async def test_a_slow_reader_is_cut_off_and_the_others_see_everything(server, session, bus):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
    writer.write(
        f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
    )
    await until(lambda: bus.statistics().watchers == 1)
    async with watching(session) as answer:
        await next_event(answer)
        seen = []
        # More than sockets and queue hold, so that the one who does not read falls behind.
        for number in range(400):
            bus.publish("line", {"n": number, "text": "x" * 60_000})
            seen.append((await next_event(answer))[2]["n"])
            if bus.statistics().watchers == 1:
                break

        await until(lambda: bus.statistics().watchers == 1)
        assert seen == list(range(len(seen)))
    writer.close()
    del reader


async def test_a_hundred_watchers_do_not_hold_up_the_gateway(session, bus):
    async with contextlib.AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=200)
        many = await stack.enter_async_context(
            aiohttp.ClientSession(session._base_url, connector=connector)
        )
        answers = [await stack.enter_async_context(watching(many)) for _ in range(100)]
        for answer in answers:
            await next_event(answer)
        loop = asyncio.get_running_loop()
        longest_s = 0.0
        for number in range(20):
            began_s = loop.time()
            bus.publish("line", {"n": number, "text": "word " * 50})
            bus.show("live", {"calls": ["x" * 200] * 100})
            longest_s = max(longest_s, loop.time() - began_s)
            await asyncio.sleep(0)
        for answer in answers:
            numbers = []
            while len(numbers) < 20:
                _, kind, facts = await next_event(answer)
                if kind == "line":
                    numbers.append(facts["n"])
            assert numbers == list(range(20))
        assert bus.statistics().missed == 0
        # Telling a hundred is appending to a hundred queues; nothing is written meanwhile.
        assert longest_s < 0.05


async def test_more_than_there_is_room_for_are_asked_to_come_later(session, bus):
    taken = [bus.subscribe() for _ in range(128)]

    answer = await session.get("/api/v1/events", headers=HEADERS)

    assert answer.status == 503
    assert answer.headers["Retry-After"] == "10"
    assert (await answer.json())["error"]["code"] == "events.full"
    bus.unsubscribe(taken[0])
    async with watching(session) as answer:
        assert answer.status == 200


async def test_quiet_streams_are_kept_open(session, bus, monkeypatch):
    monkeypatch.setattr(events, "QUIET_S", 0.05)
    async with watching(session) as answer:
        await next_event(answer)
        async with asyncio.timeout(BOUND_S):
            assert await next_event(answer) == ("", "beat", {})


async def test_streams_end_with_the_server(server, session, bus):
    async with watching(session) as answer:
        await next_event(answer)

        async with asyncio.timeout(BOUND_S):
            await server.stop()
            await answer.content.read()
    assert bus.statistics().watchers == 0
