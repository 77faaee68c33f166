"""Whole mails over HTTP: larger than other bodies, so only a few may be on their way in at once."""

import asyncio

import aiohttp
import pytest

from gateway.channels.mail_intake import Taken
from gateway.channels.webhook_signature import sign
from gateway.config import HttpSection
from gateway.http.hooks import MAILS_AT_ONCE, ProgramHooks
from gateway.http.server import HttpServer, build_app
from gateway.metrics import Metrics
from tests.support.fake_http_ports import FakeGateway
from tests.support.fake_reception import FakeReception

KEY, NOW = b"k" * 32, 1_700_000_000.0
MAIL = b"Subject: Hello\r\n\r\n" + b"x" * 100_000


class Intake:
    def __init__(self) -> None:
        self.taken: list[bytes] = []

    async def take(self, raw: bytes) -> Taken:
        self.taken.append(raw)
        return Taken.MESSAGE


@pytest.fixture
def intake():
    return Intake()


@pytest.fixture
async def port(intake):
    fake = FakeGateway()
    app = build_app(
        token="t" * 40, live=fake, readiness=fake, archive=fake, registry=Metrics().registry
    )
    hooks = ProgramHooks(FakeReception(), [KEY], mail=intake, mail_most=200_000, clock=lambda: NOW)
    hooks.add_routes(app)
    server = HttpServer(HttpSection(port=0), app)
    yield await server.start()
    await server.stop()


async def post(port: int) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"http://127.0.0.1:{port}/hooks/mail", data=MAIL, headers=sign(KEY, "w1", MAIL, at=NOW)
        ) as answer,
    ):
        return answer.status, await answer.text()


async def test_strangers_who_begin_mails_do_not_fill_the_memory(port, intake):
    head = b"POST /hooks/mail HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\nwebhook-signature: x\r\n\r\n"
    begun = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MAILS_AT_ONCE)]
    for _, writer in begun:
        writer.write(head + b"x" * 1_000)
    async with asyncio.timeout(10):
        status, text = await post(port)
        while status == 200:  # those before it are still being accepted
            status, text = await post(port)
    assert (status, "http.overloaded" in text) == (503, True)

    for _, writer in begun:
        writer.close()
    async with asyncio.timeout(10):
        while (await post(port))[0] != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert intake.taken[-1] == MAIL
