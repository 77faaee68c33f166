"""The whole HTTP server given nonsense by everybody: it answers in its one shape, never 500, and stays."""

import asyncio
import contextlib
import json
import logging
import time
from urllib.parse import parse_qsl

import aiohttp
import pytest
from aiohttp import web
from hypothesis import Phase, given, settings
from twilio.request_validator import RequestValidator

from gateway.channels import webhook_signature
from gateway.config import Config, HttpSection
from gateway.http.hooks import ProgramHooks, TelegramHook
from gateway.http.peer import Peers
from gateway.http.server import HttpServer
from gateway.http.twilio.public_url import PublicUrl
from gateway.http.twilio.webhooks import TwilioWebhooks
from gateway.http.webrtc import page
from gateway.http.webrtc.desk import Desk
from gateway.http.webrtc.routes import add_routes
from gateway.http.webrtc.tokens import TokenSigner
from tests.support.fake_browser_calls import FakeBrowserCalls
from tests.support.fake_http_ports import FakeGateway, a_call, a_line
from tests.support.fake_reception import FakeReception
from tests.support.mutations import corpus, fuzzed, mutated
from tests.support.twilio_stand_in import ACCOUNT_SID, AUTH_TOKEN

TOKEN = "t" * 40
KEY = b"k" * 32
PUBLIC = "https://voice.example.com"
FIRST_S, AFTER_S = 0.15, 0.03

quick = settings(fuzzed, phases=[Phase.explicit, Phase.reuse, Phase.generate], database=None)


class Served:
    """A server on a loop of its own kind, driven from tests that are not coroutines."""

    def __init__(self, folder) -> None:
        self.loop = asyncio.new_event_loop()
        self.folder = folder
        self.port = 0

    def __enter__(self) -> "Served":
        self.loop.run_until_complete(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.run_until_complete(self.session.close())
        self.loop.run_until_complete(self.server.stop())
        self.loop.close()

    async def _start(self) -> None:
        fake = FakeGateway(
            live={"c_1": "conversing"},
            records=[a_call("c_1")],
            lines=[a_line(number) for number in range(1, 4)],
        )
        app = fake.app(TOKEN)
        calls = FakeBrowserCalls()
        config = Config.model_validate(
            {
                "gateway": {"data_dir": str(self.folder)},
                "webrtc": {"anonymous": "yes", "calls_per_minute": 10_000},
            }
        )
        add_routes(
            app, Desk(config, TokenSigner("s" * 48), calls, calls), page.read_files(page.folder())
        )
        reception = FakeReception()
        TwilioWebhooks(
            reception,
            PublicUrl(PUBLIC, Peers()),
            account_sid=ACCOUNT_SID,
            auth_tokens=[AUTH_TOKEN],
        ).add_routes(app)
        ProgramHooks(reception, [KEY]).add_routes(app)
        TelegramHook(reception, "secret", "77").add_routes(app)
        self.server = HttpServer(HttpSection(port=0), app)
        self.port = await self.server.start()
        self.session = aiohttp.ClientSession(f"http://127.0.0.1:{self.port}")

    def talk(self, data: bytes) -> bytes:
        """Send bytes as they are, and no more; returns what comes back until nothing more does."""
        return self.loop.run_until_complete(self._talk(data))

    async def _talk(self, data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        answer = b""
        try:
            with contextlib.suppress(ConnectionError, TimeoutError):
                writer.write(data)
                # Half a request is answered by nothing, and waited for by the server; we do not.
                while part := await asyncio.wait_for(
                    reader.read(65_536), AFTER_S if answer else FIRST_S
                ):
                    answer += part
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        return answer

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        async def ask() -> tuple[int, str]:
            async with self.session.post(path, data=body, headers=headers) as answer:
                return answer.status, await answer.text()

        return self.loop.run_until_complete(ask())

    def is_well(self) -> bool:
        async def ask() -> int:
            async with self.session.get("/healthz") as answer:
                return answer.status

        return self.loop.run_until_complete(ask()) == 200


@pytest.fixture
def served(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    with Served(tmp_path) as made:
        yield made
        assert made.is_well()
    bad = [record for record in caplog.records if record.exc_info or record.levelname == "ERROR"]
    assert not bad, bad


def assert_proper(status: int, text: str) -> None:
    assert status < 500 or status == 503, (status, text)
    if status >= 400:
        error = json.loads(text)["error"]
        assert set(error) == {"code", "message"}


def of_corpus(kind: str) -> list[bytes]:
    return [data.replace(b"TOKEN", TOKEN.encode()) for data in corpus(kind)]


def test_requests_that_were_wrong_before(served):
    for data in of_corpus("http"):
        answer = served.talk(data)
        assert b"HTTP/1.1 500" not in answer
        assert b"Traceback" not in answer
        assert served.is_well()


def test_mutated_requests(served):
    @quick
    @given(mutated(of_corpus("http")))
    def run(data: bytes) -> None:
        answer = served.talk(data)
        assert b"HTTP/1.1 500" not in answer, answer
        assert not answer or answer.startswith(b"HTTP/"), answer

    run()


def test_mutated_offers(served):
    @quick
    @given(mutated(corpus("offer")))
    def run(data: bytes) -> None:
        assert_proper(
            *served.post("/webrtc/calls?agent=echo", data, {"Content-Type": "application/sdp"})
        )

    run()


def test_mutated_webhooks_of_twilio_that_are_signed(served):
    validator = RequestValidator(AUTH_TOKEN)

    @quick
    @given(mutated(corpus("twilio")))
    def run(data: bytes) -> None:
        fields = dict(parse_qsl(data.decode("utf-8", "replace"), keep_blank_values=True))
        for path in ("/twilio/messages", "/twilio/status"):
            status, _ = served.post(
                path,
                data,
                {
                    "Content-Type": "application/x-www-form-urlencoded",
                    "X-Twilio-Signature": validator.compute_signature(PUBLIC + path, fields),
                },
            )
            assert status < 500, status

    run()


def test_mutated_webhooks_that_are_signed(served):
    @quick
    @given(mutated(corpus("hook")))
    def run(data: bytes) -> None:
        signed = webhook_signature.sign(KEY, "msg_1", data, at=time.time())
        for path in ("/hooks/messages", "/hooks/status"):
            status, text = served.post(path, data, {"Content-Type": "application/json", **signed})
            assert_proper(status, text)
        secret = {"X-Telegram-Bot-Api-Secret-Token": "secret"}
        assert_proper(*served.post("/telegram/messages", data, secret))

    run()


def test_mutated_bodies_of_the_api(served):
    bearer = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    seeds = [b'{"agent": "echo", "ttl_s": 60, "name": "Ann", "subject": "a"}', *corpus("hook")]

    @quick
    @given(mutated(seeds))
    def run(data: bytes) -> None:
        assert_proper(*served.post("/api/v1/webrtc/tokens", data, bearer))

    run()


def test_the_fuzzed_application_has_the_routes_that_it_fuzzes(served):
    runner = served.server._runner
    assert isinstance(runner.app, web.Application)
    paths = {resource.canonical for resource in runner.app.router.resources()}
    assert {"/webrtc/calls", "/twilio/messages", "/hooks/messages", "/telegram/messages"} <= paths
