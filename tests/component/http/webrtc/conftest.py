"""A real HTTP server with fake calls behind it, and a client."""

import time

import aiohttp
import pytest

from gateway.config import Config, GatewaySection, HttpSection
from gateway.http.server import HttpServer
from gateway.http.webrtc.desk import Desk
from gateway.http.webrtc.page import StaticFile
from gateway.http.webrtc.routes import add_routes
from gateway.http.webrtc.tokens import TokenSigner
from tests.support.fake_browser_calls import FakeBrowserCalls
from tests.support.fake_http_ports import FakeGateway

API_TOKEN = "t" * 40
SIGNER = TokenSigner("s" * 48)

FILES = {
    "index.html": StaticFile(b"<!doctype html><title>Call</title>", "text/html", "page"),
    "widget.js": StaticFile(b"export {};\n", "text/javascript; charset=utf-8", "widget"),
}


def a_token(agent: str = "echo", *, ttl_s: float = 60, **claims) -> str:
    return SIGNER.sign(agent, now_s=time.time(), ttl_s=ttl_s, **claims)[0]


@pytest.fixture
def calls():
    return FakeBrowserCalls()


@pytest.fixture
def webrtc():
    """Keys of `[webrtc]`; tests override it."""
    return {}


@pytest.fixture
def http():
    """Keys of `[http]`; tests override it."""
    return {}


@pytest.fixture
async def desk(calls, webrtc, http, tmp_path):
    config = Config.model_validate(
        {"gateway": GatewaySection(data_dir=tmp_path), "webrtc": webrtc, "http": http}
    )
    return Desk(config, SIGNER, calls, calls)


@pytest.fixture
async def port(desk):
    fake = FakeGateway()
    app = fake.app(API_TOKEN)
    add_routes(app, desk, FILES)
    server = HttpServer(HttpSection(port=0), app)
    yield await server.start()
    await server.stop()


@pytest.fixture
async def client(port):
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        yield session


async def error_of(answer) -> tuple[int, str]:
    """Status and code of an error, which must have the one shape."""
    body = await answer.json()
    assert list(body) == ["error"]
    assert set(body["error"]) == {"code", "message"}
    assert body["error"]["message"]
    return answer.status, body["error"]["code"]
