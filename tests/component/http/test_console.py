"""The console over HTTP: its page and policy, signing in and out, and that nothing is told to strangers."""

import asyncio

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.access.scopes import Scope
from gateway.access.verifier import Verifier, digest_of
from gateway.config import Config
from gateway.console.bus import EventBus
from gateway.console.sign_ins import SignIns
from gateway.errors import AssetError
from gateway.http import dialling
from gateway.http.console import data, events, page
from gateway.http.console.sign_in import COOKIE, HEADER, SECURE_COOKIE, ConsoleSignIn
from gateway.http.ports import Check
from gateway.http.server import build_app
from gateway.metrics import Metrics
from tests.support.fake_http_ports import FakeGateway, a_call

TOKEN = "t" * 40
READER = "r" * 40
OURS = {HEADER: "1"}


class NamedTokens:
    """One token that may only look."""

    def __init__(self) -> None:
        self.is_there = True

    def find(self, digest: bytes) -> tuple[str, frozenset[Scope]] | None:
        is_it = self.is_there and digest == digest_of(READER)
        return ("reader", frozenset({Scope.READ})) if is_it else None


class Parts:
    """Board and vitals in one."""

    def calls(self):
        return [{"call_id": "c_2", "state": "conversing"}]

    def media(self, call_id):
        return {"call_id": call_id, "caller": "", "agent": ""} if call_id == "c_2" else None

    def figures(self):
        return {"uptime_s": 5}


@pytest.fixture
def clock():
    class Clock:
        now_s = 0.0

        def __call__(self):
            return self.now_s

    return Clock()


@pytest.fixture
def named():
    return NamedTokens()


@pytest.fixture
async def client(clock, named):
    fake = FakeGateway(
        live={"c_2": "conversing"},
        records=[a_call("c_2")],
        lines=[],
        parts=[Check(name="sip", ok=False, detail="worker is down")],
    )
    app = build_app(
        token=Verifier(TOKEN, named),
        live=fake,
        readiness=fake,
        archive=fake,
        registry=Metrics().registry,
    )
    parts = Parts()
    bus = EventBus()
    events.add_routes(app, bus)
    dialling.add_routes(app, fake)
    data.add_routes(app, board=parts, readiness=fake, vitals=parts, config=lambda: Config())
    ConsoleSignIn(SignIns(lasts_s=3600, clock=clock), mask_pii=True).add_to(app)
    page.add_routes(app, page.read_files(page.folder()))
    jar = aiohttp.CookieJar(unsafe=True)  # addresses instead of names
    async with TestClient(TestServer(app), cookie_jar=jar) as client:
        client.fake = fake
        client.bus = bus
        yield client


async def sign_in(client, token=TOKEN):
    return await client.post("/api/v1/session", headers={"Authorization": f"Bearer {token}"})


# The page -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/console", "/console/", "/console/static/app.js"])
async def test_the_page_is_there_with_a_strict_policy(client, path):
    answer = await client.get(path)

    assert answer.status == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in answer.headers


async def test_a_file_that_is_known_is_not_sent_again(client):
    first = await client.get("/console/static/theme.css")
    again = await client.get(
        "/console/static/theme.css", headers={"If-None-Match": first.headers["ETag"]}
    )

    assert (again.status, await again.read()) == (304, b"")


@pytest.mark.parametrize(
    "name", ["nothing.js", "..%2f..%2fapi_token.py", "%2e%2e/index.html", "app.js%00"]
)
async def test_no_path_leads_out_of_the_folder(client, name):
    answer = await client.get(f"/console/static/{name}")

    assert answer.status in (400, 404)


def test_a_missing_page_is_told_at_the_start(tmp_path):
    with pytest.raises(AssetError, match=r"console\.enabled"):
        page.read_files(tmp_path)
    with pytest.raises(AssetError, match="cannot be read"):
        page.read_files(tmp_path / "nowhere")


# Signing in ---------------------------------------------------------------------------------------

PATHS = (
    "/api/v1/session",
    "/api/v1/events",
    "/api/v1/live",
    "/api/v1/calls/c_2/media",
    "/api/v1/setup",
    "/api/v1/health",
    "/api/v1/calls",
)


@pytest.mark.parametrize("path", PATHS)
async def test_strangers_are_told_nothing(client, path):
    answer = await client.get(path)
    forged = await client.get(path, cookies={COOKIE: "x" * 43})

    assert answer.status == 401
    assert forged.status == 401
    assert "c_2" not in await answer.text() + await forged.text()


async def test_a_token_becomes_a_cookie_that_no_script_reads(client):
    answer = await sign_in(client)

    assert answer.status == 200
    facts = await answer.json()
    assert (facts["mask_pii"], facts["token"]) == (True, "full")
    cookie = answer.cookies[COOKIE]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
    assert cookie["path"] == "/"
    assert int(cookie["max-age"]) == 3600
    assert TOKEN not in cookie.value
    for path in PATHS[2:]:
        assert (await client.get(path)).status == 200, path


async def test_a_wrong_token_gets_no_cookie(client):
    answer = await sign_in(client, "w" * 40)

    assert answer.status == 401
    assert "Set-Cookie" not in answer.headers
    assert (await client.get("/api/v1/live")).status == 401


async def test_guessing_is_slowed_down(client):
    statuses = [(await sign_in(client, f"{n}" * 40)).status for n in range(9)]

    assert statuses[0] == 401
    assert statuses[-1] == 429
    assert (await sign_in(client)).status == 429


async def test_behind_tls_the_cookie_is_for_this_host_alone(clock):
    from gateway.config import HttpSection

    fake = FakeGateway()
    app = build_app(
        token=TOKEN,
        live=fake,
        readiness=fake,
        archive=fake,
        registry=Metrics().registry,
        section=HttpSection(trusted_proxies=("127.0.0.0/8",)),
    )
    ConsoleSignIn(SignIns(lasts_s=60, clock=clock), mask_pii=False).add_to(app)
    async with TestClient(TestServer(app)) as client:
        headers = {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-Proto": "https"}
        answer = await client.post("/api/v1/session", headers=headers)

        cookie = answer.cookies[SECURE_COOKIE]
        assert cookie["secure"]
        assert (cookie["path"], cookie["domain"]) == ("/", "")
        shown = await client.get("/api/v1/session", cookies={SECURE_COOKIE: cookie.value})
        assert (await shown.json())["mask_pii"] is False


async def test_behind_a_proxy_that_nobody_named_the_pages_origin_tells_of_tls(client):
    headers = {"Authorization": f"Bearer {TOKEN}", "Origin": "https://gateway.example.com"}

    answer = await client.post("/api/v1/session", headers=headers)

    assert answer.cookies[SECURE_COOKIE]["secure"]
    assert COOKIE not in answer.cookies


async def test_signing_out_makes_the_cookie_worthless(client):
    key = (await sign_in(client)).cookies[COOKIE].value

    answer = await client.delete("/api/v1/session", headers=OURS)

    assert answer.status == 204
    assert (await client.get("/api/v1/live")).status == 401
    assert (await client.get("/api/v1/live", cookies={COOKIE: key})).status == 401


async def test_a_sign_in_ends_by_itself(client, clock):
    await sign_in(client)
    clock.now_s += 3600

    assert (await client.get("/api/v1/live")).status == 401


async def test_a_revoked_token_ends_its_sign_ins(client, named):
    await sign_in(client, READER)
    assert (await client.get("/api/v1/live")).status == 200

    named.is_there = False
    assert (await client.get("/api/v1/live")).status == 401
    named.is_there = True

    assert (await client.get("/api/v1/live")).status == 401


async def test_a_cookie_makes_no_further_cookie(client):
    await sign_in(client)

    answer = await client.post("/api/v1/session", headers=OURS)

    assert answer.status == 401
    assert "Set-Cookie" not in answer.headers
    assert (await client.get("/api/v1/session")).status == 200


async def told_until_the_end(answer) -> bytes:
    async with asyncio.timeout(10):
        return await answer.content.read()


async def test_signing_out_ends_the_streams_of_that_cookie(client):
    await sign_in(client)
    async with client.get("/api/v1/events") as answer:
        assert answer.status == 200
        await client.delete("/api/v1/session", headers=OURS)

        client.bus.publish("line", {"text": "a secret"})

        assert b"secret" not in await told_until_the_end(answer)


@pytest.mark.parametrize("by_cookie", [True, False])
async def test_a_stream_ends_with_the_token_it_was_opened_with(client, named, by_cookie):
    if by_cookie:
        await sign_in(client, READER)
    headers = {} if by_cookie else {"Authorization": f"Bearer {READER}"}
    async with client.get("/api/v1/events", headers=headers) as answer:
        assert answer.status == 200
        client.bus.publish("line", {"text": "the first"})
        async with asyncio.timeout(10):
            assert await answer.content.readuntil(b"the first")
        named.is_there = False

        client.bus.publish("line", {"text": "a secret"})

        assert b"secret" not in await told_until_the_end(answer)


async def test_a_body_that_is_no_text_is_a_mistake_with_a_cookie_too(client):
    await sign_in(client)

    answer = await client.post("/api/v1/calls", data=b'{"to": "\xff"}', headers=OURS)

    assert (answer.status, (await answer.json())["error"]["code"]) == (400, "http.bad_request")


async def test_whoever_may_only_look_changes_nothing(client):
    await sign_in(client, READER)

    answer = await client.post("/api/v1/calls/c_2/hangup", headers=OURS)

    assert answer.status == 403
    assert client.fake.hung_up == []
    assert (await (await client.get("/api/v1/session")).json())["scopes"] == ["read"]


@pytest.mark.parametrize(
    "headers",
    [{}, {HEADER: "1", "Sec-Fetch-Site": "cross-site"}, {HEADER: "1", "Sec-Fetch-Site": "none"}],
)
async def test_another_sites_page_changes_nothing(client, headers):
    await sign_in(client)

    answer = await client.post("/api/v1/calls/c_2/hangup", headers=headers)

    assert answer.status == 403
    assert client.fake.hung_up == []


async def test_our_own_page_may(client):
    await sign_in(client)
    headers = {**OURS, "Sec-Fetch-Site": "same-origin"}

    assert (await client.post("/api/v1/calls/c_2/hangup", headers=headers)).status == 202
    assert client.fake.hung_up == ["c_2"]


async def test_a_bearer_token_goes_before_a_cookie(client):
    await sign_in(client)

    answer = await client.get("/api/v1/live", headers={"Authorization": "Bearer wrong"})

    assert answer.status == 401


# What is told -------------------------------------------------------------------------------------


async def test_what_consoles_ask_is_answered(client):
    await sign_in(client)

    live = await (await client.get("/api/v1/live")).json()
    health = await (await client.get("/api/v1/health")).json()
    setup = await (await client.get("/api/v1/setup")).json()

    assert live["calls"][0]["call_id"] == "c_2"
    assert (health["ready"], health["uptime_s"]) == (False, 5)
    assert health["checks"][0]["detail"] == "worker is down"
    assert [agent["name"] for agent in setup["agents"]] == ["receptionist", "echo"]
    assert setup["numbers"][-1] == {"number": "*", "agent": "receptionist"}


async def test_sound_that_is_not_kept_is_not_there(client):
    await sign_in(client)

    answer = await client.get("/api/v1/calls/c_9/media")

    assert answer.status == 404
    assert (await answer.json())["error"]["code"] == "call.not_found"
