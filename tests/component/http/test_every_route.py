"""Every route of the whole gateway, given odd paths, queries, headers and bodies: no fault of ours, and one shape."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from gateway.config import Config
from gateway.http.route_scopes import ENDLESS
from tests.support.whole_application import SECRETS, everything_on, serving_with_store

PATHS = (
    "x",
    "%00",
    "%ff",
    "%2e%2e%2f",
    "a" * 3000,
    "%ED%A0%80",
    "%25",
    "'%22%3C%3E",
    "%0d%0aX:%20y",
)
QUERIES = (
    "",
    "limit=-1&offset=-1",
    "limit=NaN&before=nan&after=nan",
    "limit=99999999999999999999&before=99999999999999999999",
    "limit=1&limit=x",
    "before=nan,x&after=inf~x",
    "before=1e999,r&after=4611686018427387904",
    "since=9999-12-31T23:59:59-23:59&until=0001-01-01T00:00:00%2B23:59",
    "address=%00&number=%00&room_id=%00&status=%00&agent=%00",
    "address=%ff%fe&state=%ff&outcome=%ff",
    "address=%ED%A0%80&number=%ED%A0%80&room_id=%ED%A0%80&to=%ED%A0%80",
    "address=%25%25&active=maybe&direction=%F0%9F%98%80",
    "address=" + "9" * 3000,
)
BODIES = (
    b"",
    b"null",
    b"[]",
    b'"x"',
    b"\xff",
    b"[" * 60_000,
    b'{"a":' * 10_000,
    b"1" + b"0" * 5_000,
    b'{"deadline_s": 1' + b"0" * 400 + b"}",
    b'{"deadline_s": NaN, "ttl_s": 1e999}',
    b'{"to": "+4930123456", "text": "\\ud800", "greeting": "\\ud800", "agent": "echo"}',
    b'{"to": "+4930123456", "text": "\\u0000"}',
    b'{"address": "+4930123456", "person": "\\ud800"}',
    b'{"address": "a\\u0000", "note": "\\u0000"}',
    b'{"agents": [1, []]}',
    b'{"action": ["pause"], "action": {}}',
)

NOT_STARTED = {"/api/v1/drain", "/api/v1/reload", "/webrtc/calls", "/readyz"}
"""Answers 503 in a gateway of which only the store was started."""


def requests_of(app: web.Application) -> Iterator[tuple[str, str, bytes | None]]:
    for route in app.router.routes():
        if route.resource is None or (route.method, route.resource.canonical) in ENDLESS:
            continue
        method, path = route.method, route.resource.canonical
        for value in PATHS if "{" in path else ("x",):
            yield method, re.sub(r"\{[^}]*\}", value, path), None
        plain = re.sub(r"\{[^}]*\}", "x", path)
        if method in ("POST", "PUT", "PATCH"):
            for body in BODIES:
                yield method, plain, body
        else:
            for query in QUERIES:
                yield method, f"{plain}?{query}", None


@pytest.fixture
async def served(tmp_path, monkeypatch) -> AsyncIterator[tuple[web.Application, int]]:
    config = Config.model_validate(everything_on(tmp_path))
    async with serving_with_store(config, monkeypatch) as (app, port):
        yield app, port


async def test_no_path_query_or_body_is_a_fault_of_ours(served, caplog):
    app, port = served
    caplog.set_level(logging.ERROR)
    headers = {
        "Authorization": f"Bearer {SECRETS['api-token']}",
        "Content-Type": "application/json",
    }
    asked = 0
    async with aiohttp.ClientSession(headers=headers) as session, asyncio.timeout(60):
        for method, path, body in requests_of(app):
            url = URL(f"http://127.0.0.1:{port}{path}", encoded=True)
            async with session.request(method, url, data=body) as answer:
                text = await answer.text(errors="replace")
            where = (method, path[:80], (body or b"")[:40], answer.status, text[:200])
            asked += 1
            if answer.status == 503:
                assert path.partition("?")[0] in NOT_STARTED, where
            else:
                assert answer.status < 500, where
            if answer.status >= 400 and method != "HEAD" and not path.startswith("/readyz"):
                assert set(json.loads(text)["error"]) == {"code", "message"}, where
    assert asked > 1_000
    assert [record.getMessage() for record in caplog.records] == []


async def test_whoever_looks_after_the_gateway_sees_how_its_language_models_fare(served):
    _, port = served
    headers = {"Authorization": f"Bearer {SECRETS['api-token']}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(f"http://127.0.0.1:{port}/api/v1/health") as answer,
    ):
        models = (await answer.json())["models"]

    assert models == [
        {
            "agent": "assistant",
            "host": "127.0.0.1",
            "model": "none",
            "state": "unasked",
            "answered": 0,
            "failed": 0,
        }
    ]


HEADERS = (
    b"Host: \xff\r\nOrigin: http://\xff\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Content-Encoding: zstd, gzip\r\n",
    b'Content-Type: a/b; charset="\xff"\r\n',
    b"Content-Type: multipart/form-data\r\n",
    b'Cookie: offhook_console="\\377\xff"; $Version=1; \x80=\r\n',
    b"X-Forwarded-For: \xff, ::1%\xff\r\nX-Forwarded-Host: \xff\r\nX-Forwarded-Proto: \xff\r\n",
    b'If-None-Match: "\xff, W/"", *\r\nIf-Match: "\xff\r\n',
    b"Range: bytes=\xff-\r\nAccept: ,,;q=\xff\r\n",
    b"Idempotency-Key: \xff\r\n",
    b"Last-Event-ID: \xff-\xd9\xa1\r\n",
    b"webhook-id: \xff\r\nwebhook-timestamp: 1e999\r\nwebhook-signature: v1,\xff \xff\r\n",
    b"X-Twilio-Signature: \xff\r\nX-Telegram-Bot-Api-Secret-Token: \xff\r\n",
    b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: \xff\r\n",
)


def heads_of(app: web.Application) -> Iterator[tuple[str, bytes]]:
    """Return requests of every route with each of the headers, by the administrator and by somebody who is no one."""
    for route in app.router.routes():
        if route.resource is None or (route.method, route.resource.canonical) in ENDLESS:
            continue
        if route.method == "HEAD":
            continue
        path = re.sub(r"\{[^}]*\}", "x", route.resource.canonical)
        for token in (SECRETS["api-token"].encode(), b"\xff.\xff.\xff"):
            for lines in HEADERS:
                host = b"" if lines.startswith(b"Host:") else b"Host: x\r\n"
                start = f"{route.method} {path} HTTP/1.1\r\n".encode()
                rest = b"Authorization: Bearer " + token + b"\r\nConnection: close\r\n"
                yield path, start + host + lines + rest + b"Content-Length: 2\r\n\r\n{}"


async def answer_of(port: int, sent: bytes) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    said = await reader.read()
    writer.close()
    head, _, body = said.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


async def test_no_header_is_a_fault_of_ours(served, caplog):
    app, port = served
    caplog.set_level(logging.ERROR)
    asked = 0
    async with asyncio.timeout(60):
        for path, sent in heads_of(app):
            status, body = await answer_of(port, sent)
            asked += 1
            assert status < 500 or (status == 503 and path in NOT_STARTED), (sent, body[:200])
            if status >= 400 and body and path != "/readyz":
                assert set(json.loads(body)["error"]) == {"code", "message"}, (sent, body[:200])
    assert asked > 1_000
    assert [record.getMessage() for record in caplog.records] == []
