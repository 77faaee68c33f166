"""A server that is leaned on: too many connections, heads and bodies that trickle, answers that nobody takes."""

import asyncio
import contextlib
import json
import logging

import pytest
from aiohttp import web

from gateway.config import HttpSection
from gateway.http import guards, server
from gateway.http.server import BODY_MOST, HEADER_MOST, HttpServer, build_app
from gateway.metrics import Metrics
from tests.support.fake_http_ports import FakeGateway


@contextlib.asynccontextmanager
async def serving(**section):
    fake = FakeGateway()
    app = build_app(
        token="t" * 40, live=fake, readiness=fake, archive=fake, registry=Metrics().registry
    )

    async def takes(request: web.Request) -> web.Response:
        return web.json_response({"bytes": len(await request.read())})

    async def reads(request: web.Request) -> web.Response:
        return web.json_response({"text": await request.text()})

    app.router.add_post("/takes", takes)
    app.router.add_post("/reads", reads)
    made = HttpServer(HttpSection(port=0, **section), app)
    try:
        yield await made.start()
    finally:
        await made.stop()


async def answer_to(reader: asyncio.StreamReader) -> tuple[int, dict]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = int(head.lower().partition("content-length:")[2].split()[0])
    body = await reader.readexactly(length)
    return int(head.split()[1]), json.loads(body)


async def test_one_connection_too_many_is_told_and_closed_and_the_others_live():
    async with serving(max_connections=8) as port, asyncio.timeout(10):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(8)]
        # Taken in order: the eight are counted when the ninth comes.
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert (await answer_to(reader))[1]["error"]["code"] == "http.busy"
        assert await reader.read() == b""
        writer.close()

        for reader, writer in held:
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await answer_to(reader))[0] == 200
        held[0][1].close()
        await held[0][1].wait_closed()
        for _ in range(200):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            status = (await answer_to(reader))[0]
            writer.close()
            if status == 200:
                break
            await asyncio.sleep(0.01)
        assert status == 200
        for _, writer in held[1:]:
            writer.close()


async def test_a_flood_of_connections_is_forgotten():
    async with serving(max_connections=8) as port, asyncio.timeout(30):
        for _ in range(20):
            made = await asyncio.gather(
                *(asyncio.open_connection("127.0.0.1", port) for _ in range(30))
            )
            for _, writer in made:
                writer.close()
            await asyncio.gather(*(w.wait_closed() for _, w in made), return_exceptions=True)
        for _ in range(200):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            status = (await answer_to(reader))[0]
            writer.close()
            if status == 200:
                break
            await asyncio.sleep(0.01)
        assert status == 200


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET /healthz?", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: "],
)
async def test_a_head_that_never_ends_is_cut_off_though_it_trickles(monkeypatch, sent):
    monkeypatch.setattr(server, "KEEP_ALIVE_S", 0.3)
    async with serving() as port, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        ended = asyncio.create_task(reader.read())
        while not ended.done():
            if sent:
                with contextlib.suppress(ConnectionError):
                    writer.write(b"a")
                    await writer.drain()
            await asyncio.sleep(0.02)
        with contextlib.suppress(ConnectionError):
            assert await ended == b""
        writer.close()


async def test_a_body_that_trickles_is_refused_in_time(monkeypatch):
    monkeypatch.setattr(guards, "BODY_BOUND_S", 0.3)
    async with serving() as port, asyncio.timeout(15):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /takes HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        answer = asyncio.create_task(answer_to(reader))
        while not answer.done():
            writer.write(b"a")
            await asyncio.sleep(0.02)
        status, body = await answer
        assert (status, body["error"]["code"]) == (408, "http.timeout")
        writer.close()


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        (b"Content-Length: %d\r\n" % BODY_MOST, b"a" * BODY_MOST, 200),
        (b"Content-Length: %d\r\n" % (BODY_MOST + 1), b"a" * (BODY_MOST + 1), 413),
        (
            b"Transfer-Encoding: chunked\r\n",
            b"10000\r\n" + b"a" * 0x10000 + b"\r\n1\r\na\r\n0\r\n\r\n",
            413,
        ),
        (b"X-A: " + b"a" * (2 * HEADER_MOST) + b"\r\nContent-Length: 0\r\n", b"", 400),
        (b"".join(b"X-%d: a\r\n" % n for n in range(300)) + b"Content-Length: 0\r\n", b"", 400),
        (b"Content-Length: -1\r\n", b"", 400),
        (b"Content-Length: 1\r\nContent-Length: 2\r\n", b"a", 400),
        (b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n", 400),
    ],
)
async def test_what_is_too_large_or_ambiguous_is_refused(head, body, status):
    async with serving() as port, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /takes HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n" + body)
        answered, _ = await answer_to(reader)
        writer.close()
    assert answered == status


@pytest.mark.parametrize(
    ("path", "status"), [("/takes", 400), ("/healthz", 400), ("/api/v1/calls", 401)]
)
async def test_a_body_that_cannot_be_unpacked_is_the_senders_mistake(caplog, path, status):
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n"
    async with serving() as port, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.encode() + b"{}")
        answered, told = await answer_to(reader)
        await reader.read()
        writer.close()
    assert answered == status
    assert set(told["error"]) == {"code", "message"}
    # Anybody may send such things, as often as he likes: no traceback for each.
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("path", ["/takes", "/healthz", "/api/v1/calls"])
async def test_who_goes_in_the_midst_of_a_body_is_no_fault_of_ours(caplog, path):
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{{".encode()
    async with serving() as port, asyncio.timeout(10):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(0.1)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_small_body_that_grows_when_unpacked_is_refused():
    import gzip

    packed = gzip.compress(b"a" * (BODY_MOST * 50))
    head = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n" % len(packed)
    async with serving() as port, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /takes HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n" + packed)
        answered, _ = await answer_to(reader)
        writer.close()
    assert answered == 413


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b'"\xf4"', 400),
        ("application/json; charset=latin-1", b'"\xf4"', 200),
        ("application/json; charset=klingon", b"1", 400),
        ("application/json; charset=base64", b"1", 400),
        ("application/json; charset=punycode", b"1", 400),
        ("application/json", b'"\xc3\xa4"', 200),
    ],
)
async def test_a_body_that_is_no_text_is_the_senders_mistake(content_type, body, status):
    async with serving() as port, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = b"Content-Type: %s\r\nContent-Length: %d\r\n" % (content_type.encode(), len(body))
        writer.write(b"POST /reads HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n" + body)
        answered, _ = await answer_to(reader)
        writer.close()
    assert answered == status


@pytest.mark.parametrize(
    "sent", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n"]
)
async def test_what_is_no_http_is_answered_with_the_same_headers(sent):
    async with serving() as port, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        writer.close()
    for name, value in guards.SECURITY_HEADERS.items():
        assert f"{name}: {value}\r\n" in head


async def test_who_is_turned_away_gets_the_same_headers():
    async with serving(max_connections=8) as port, asyncio.timeout(10):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(8)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        for _, each in (*held, (reader, writer)):
            each.close()
    for name, value in guards.SECURITY_HEADERS.items():
        assert f"{name}: {value}\r\n" in head
