"""The API of draining and reloading, behind every guard that requests pass."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from gateway.config import HttpSection
from gateway.errors import ConfigError, GatewayError
from gateway.http import service
from gateway.http.server import HttpServer, build_app
from gateway.http.service import DrainReport, ReloadReport
from gateway.metrics import Metrics
from tests.support.fake_http_ports import FakeGateway

TOKEN = "t" * 40


class Operations:
    """Stands for the gateway."""

    def __init__(self) -> None:
        self.deadlines: list[float | None] = []
        self.outcome: ReloadReport | GatewayError = ReloadReport(
            changed=("numbers",), needs_restart=("http.port",)
        )
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.is_done = asyncio.Event()

    def drain(self, deadline_s: float | None) -> DrainReport:
        self.deadlines.append(deadline_s)
        return self.drain_report()

    def drain_report(self) -> DrainReport:
        return DrainReport(state="draining", calls=2, deadline_in_s=1.23)

    async def reload(self) -> ReloadReport:
        await self.may_end.wait()
        self.is_done.set()
        if isinstance(self.outcome, GatewayError):
            raise self.outcome
        return self.outcome


@pytest.fixture
def operations() -> Operations:
    return Operations()


@pytest.fixture
async def client(operations: Operations) -> AsyncIterator[aiohttp.ClientSession]:
    fake = FakeGateway()
    app = build_app(
        token=TOKEN, live=fake, readiness=fake, archive=fake, registry=Metrics().registry
    )
    service.add_routes(app, operations)
    server = HttpServer(HttpSection(port=0), app)
    port = await server.start()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=headers) as session:
        yield session
    await server.stop()


@pytest.mark.parametrize(
    ("body", "deadline_s"),
    [(None, None), ({}, None), ({"deadline_s": 0}, 0.0), ({"deadline_s": 1.5}, 1.5)],
)
async def test_drain(
    client: aiohttp.ClientSession, operations: Operations, body: Any, deadline_s: float | None
) -> None:
    async with client.post("/api/v1/drain", json=body) as answer:
        assert answer.status == 202
        assert await answer.json() == {"state": "draining", "calls": 2, "deadline_in_s": 1.2}
    assert operations.deadlines == [deadline_s]


@pytest.mark.parametrize(
    "body",
    [
        "no json",
        "[1]",
        "null",
        "[" * 60_000,
        '{"deadline_s": -1}',
        '{"deadline_s": "5"}',
        '{"deadline_s": true}',
        '{"deadline_s": NaN}',
        '{"deadline_s": 1' + "0" * 400 + "}",
    ],
)
async def test_a_wrong_deadline_begins_nothing(
    client: aiohttp.ClientSession, operations: Operations, body: str
) -> None:
    headers = {"Content-Type": "application/json"}
    async with client.post("/api/v1/drain", data=body, headers=headers) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["code"] == "http.bad_request"
    assert operations.deadlines == []


async def test_reload(client: aiohttp.ClientSession, operations: Operations) -> None:
    async with client.post("/api/v1/reload") as answer:
        assert answer.status == 200
        assert await answer.json() == {
            "state": "reloaded",
            "changed": ["numbers"],
            "needs_restart": ["http.port"],
        }
    operations.outcome = ConfigError("offhook.toml: sip.port: 'x' is not a number")
    async with client.post("/api/v1/reload") as answer:
        assert answer.status == 422
        error = (await answer.json())["error"]
        assert error == {"code": "config.invalid", "message": str(operations.outcome)}


async def test_a_long_reload_goes_on_after_its_answer(
    client: aiohttp.ClientSession, operations: Operations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "RELOAD_BOUND_S", 0.05)
    operations.may_end.clear()
    async with client.post("/api/v1/reload") as answer:
        assert (answer.status, await answer.json()) == (202, {"state": "reloading"})
    operations.outcome = ConfigError("nobody is left to be told")
    operations.may_end.set()
    async with asyncio.timeout(5):
        await operations.is_done.wait()
