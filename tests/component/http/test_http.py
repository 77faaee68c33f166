"""The HTTP server over real sockets: routes, token, the one error shape, limits, headers."""

import asyncio
import contextlib
import json
import logging

import aiohttp
import pytest

from gateway.config import HttpSection
from gateway.errors import EndpointError
from gateway.http import guards
from gateway.http.ports import Check
from gateway.http.server import BODY_MOST, HttpServer, build_app
from gateway.metrics import Metrics
from tests.support.fake_http_ports import FakeGateway, a_call, a_line

TOKEN = "t" * 40


@pytest.fixture
def fake():
    return FakeGateway(
        live={"c_2": "conversing"},
        records=[a_call("c_2"), a_call("c_1", cause="caller_hung_up")],
        lines=[a_line(number) for number in range(1, 6)],
        parts=[Check(name="sip", ok=True), Check(name="store", ok=True)],
    )


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
async def port(fake, metrics):
    app = build_app(token=TOKEN, live=fake, readiness=fake, archive=fake, registry=metrics.registry)

    async def broken(_request):
        raise RuntimeError("a secret detail")

    async def takes(request):
        await request.read()
        return aiohttp.web.Response(text="taken")

    async def breaks_off(request):
        answer = aiohttp.web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b"half of it")
        raise RuntimeError("a secret detail")

    app.router.add_get("/api/v1/breaks-off", breaks_off)
    app.router.add_get("/api/v1/broken", broken)
    app.router.add_post("/api/v1/takes", takes)
    server = HttpServer(HttpSection(port=0), app)
    yield await server.start()
    await server.stop()


@pytest.fixture
async def client(port):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=headers) as session:
        yield session


@pytest.fixture
async def stranger(port):
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        yield session


async def error_of(answer) -> tuple[int, str]:
    body = await answer.json()
    assert list(body) == ["error"]
    assert set(body["error"]) == {"code", "message"}
    assert body["error"]["message"]
    return answer.status, body["error"]["code"]


# Health --------------------------------------------------------------------------------------------


async def test_the_process_is_alive(stranger):
    answer = await stranger.get("/healthz")
    assert (answer.status, await answer.json()) == (200, {"status": "alive"})


async def test_readiness_names_what_failed(stranger, fake):
    ready = await stranger.get("/readyz")
    fake.parts = [Check(name="sip", ok=True), Check(name="store", ok=False, detail="disk full")]
    failed = await stranger.get("/readyz")

    assert (ready.status, (await ready.json())["ready"]) == (200, True)
    assert failed.status == 503
    assert await failed.json() == {
        "ready": False,
        "failed": ["store"],
        "checks": {
            "sip": {"ok": True, "detail": ""},
            "store": {"ok": False, "detail": "disk full"},
        },
    }


@pytest.mark.parametrize(
    "headers",
    [{"X-Forwarded-For": "203.0.113.9"}, {"X-Forwarded-For": "127.0.0.1"}, {"Via": "1.1 x"}],
)
async def test_strangers_are_told_what_failed_but_not_why(stranger, fake, headers):
    fake.parts.append(Check(name="mailbox", ok=False, detail="login of desk@example.org failed"))

    body = await (await stranger.get("/readyz", headers=headers)).json()

    assert (body["failed"], body["checks"]["mailbox"]) == (["mailbox"], {"ok": False, "detail": ""})
    assert "desk@example.org" not in str(body)


async def test_metrics_are_told_in_the_text_format(stranger, metrics):
    metrics.calls_active.set(3)

    answer = await stranger.get("/metrics")

    assert answer.content_type == "text/plain"
    assert "offhook_calls_active 3.0" in await answer.text()


# Calls and rooms -----------------------------------------------------------------------------------


async def test_calls_are_listed(client):
    body = await (await client.get("/api/v1/calls")).json()

    first, second = body["calls"]
    assert (first["call_id"], first["state"], first["cause"]) == ("c_2", "conversing", None)
    assert (second["state"], second["cause"], second["ended_ms"]) == (
        "ended",
        "caller_hung_up",
        1234.5,
    )
    assert second["offered_at"] == "2023-11-14T22:13:20.250Z"


@pytest.mark.parametrize(
    ("query", "expected"),
    [("active=true", ["c_2"]), ("active=false", ["c_1"]), ("limit=1", ["c_2"])],
)
async def test_the_list_is_narrowed(client, query, expected):
    body = await (await client.get(f"/api/v1/calls?{query}")).json()
    assert [call["call_id"] for call in body["calls"]] == expected


async def test_a_live_call_that_is_not_written_yet_is_shown(client, fake):
    fake.live["c_3"] = "ringing"

    first, second, *_ = (await (await client.get("/api/v1/calls?active=1")).json())["calls"]
    shown = await (await client.get("/api/v1/calls/c_3")).json()

    # It has the fields of any other, so that a program that reads them does not trip.
    assert first == dict.fromkeys(second) | {"call_id": "c_3", "state": "ringing"}
    assert shown == first | {"timeline": []}


async def test_a_call_has_its_timeline_in_milliseconds_since_the_offer(client):
    body = await (await client.get("/api/v1/calls/c_1")).json()

    assert (body["caller"], body["answered_ms"]) == ("+4930123456", 40.5)
    assert body["timeline"][0] == {
        "seq": 1,
        "call_id": "c_1",
        "kind": "user_said",
        "offset_ms": 10.0,
        "at": "2023-11-14T22:13:20.260Z",
        "role": "user",
        "text": "hello",
        "facts": {"recognition_ms": 12.5},
    }


async def test_a_call_is_hung_up_once(client, fake):
    answer = await client.post("/api/v1/calls/c_2/hangup")
    assert (answer.status, await answer.json()) == (202, {"call_id": "c_2", "state": "ending"})
    assert fake.hung_up == ["c_2"]

    assert await error_of(await client.post("/api/v1/calls/c_1/hangup")) == (409, "call.ended")
    assert await error_of(await client.post("/api/v1/calls/c_9/hangup")) == (404, "call.not_found")


async def test_a_room_is_read_in_pages(client):
    first = await (await client.get("/api/v1/rooms/r_1/timeline?limit=3")).json()
    rest = await (await client.get("/api/v1/rooms/r_1/timeline?after=3&limit=3")).json()

    assert [line["seq"] for line in first["timeline"]] == [1, 2, 3]
    assert first["next_after"] == 3
    assert [line["seq"] for line in rest["timeline"]] == [4, 5]
    assert rest["next_after"] is None


# Errors --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/", (404, "http.not_found")),
        ("GET", "/api/v2/calls", (404, "http.not_found")),
        ("GET", "/api/v1/calls/c_9", (404, "call.not_found")),
        ("GET", "/api/v1/rooms/r_9/timeline", (404, "room.not_found")),
        ("DELETE", "/api/v1/calls", (405, "http.method_not_allowed")),
        ("POST", "/healthz", (405, "http.method_not_allowed")),
        ("GET", "/api/v1/calls?limit=0", (400, "http.bad_request")),
        ("GET", "/api/v1/calls?limit=501", (400, "http.bad_request")),
        ("GET", "/api/v1/calls?limit=1e3", (400, "http.bad_request")),
        ("GET", "/api/v1/calls?limit=%C2%B2", (400, "http.bad_request")),
        ("GET", "/api/v1/calls?limit=" + "9" * 5000, (400, "http.bad_request")),
        ("GET", "/api/v1/calls?active=maybe", (400, "http.bad_request")),
        ("GET", "/api/v1/rooms/r_1/timeline?after=-1", (400, "http.bad_request")),
        ("GET", "/api/v1/broken", (500, "http.internal")),
    ],
)
async def test_errors_have_one_shape(client, method, path, expected):
    answer = await client.request(method, path)

    assert await error_of(answer) == expected
    assert "secret detail" not in await answer.text()


async def test_a_broken_store_is_told_as_such(client, fake):
    fake.break_store()

    answer = await client.get("/api/v1/calls")

    assert await error_of(answer) == (503, "store.failed")
    assert answer.headers["Retry-After"] == "5"


async def test_a_method_that_is_not_allowed_is_told_which_are(client):
    answer = await client.delete("/api/v1/calls")
    assert set(answer.headers["Allow"].split(",")) == {"GET", "HEAD"}


async def test_a_body_that_is_too_large_is_refused(client):
    assert (await client.post("/api/v1/takes", data=b"x" * 1000)).status == 200
    answer = await client.post("/api/v1/takes", data=b"x" * (BODY_MOST + 1))
    assert await error_of(answer) == (413, "http.too_large")


async def test_headers_that_are_too_large_are_refused(client):
    answer = await client.get("/healthz", headers={"X-Much": "x" * 20_000})
    assert await error_of(answer) == (400, "http.bad_request")


@pytest.mark.parametrize("path", ["/healthz", "/nothing"])
async def test_an_expectation_that_nobody_knows_is_refused_in_the_same_shape(stranger, path):
    answer = await stranger.get(path, headers={"Expect": "<b>miracles</b>"})

    assert await error_of(answer) == (417, "http.expectation_failed")
    assert "miracles" not in await answer.text()


async def test_an_answer_that_breaks_off_is_followed_by_no_other(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"GET /api/v1/breaks-off HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    writer.write(head.encode())
    said = b""
    async with asyncio.timeout(10):
        # Cut off, so that nobody takes the half for the whole.
        with contextlib.suppress(ConnectionError):
            while part := await reader.read(65_536):
                said += part
    writer.close()

    assert b"half of it" in said
    assert said.count(b"HTTP/1.1") == 1
    assert b"secret" not in said


async def test_what_is_not_http_is_answered_in_the_same_shape(port, caplog):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\x16\x03\x01 <script>not http at all</script>\r\n\r\n")
    raw = await reader.read()
    writer.close()
    await writer.wait_closed()

    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.")
    assert b" 400 " in head.splitlines()[0]
    assert json.loads(body)["error"]["code"] == "http.bad_request"
    assert b"script" not in raw
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


# The token -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/calls",
        "/api/v1/calls/c_1",
        "/api/v1/rooms/r_1/timeline",
        "/api/v1/nothing",
        "/api/",
        "/%61pi/v1/calls",
    ],
)
@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Basic {TOKEN}",
        "Bearer ü",
    ],
)
async def test_only_bearers_of_the_token_reach_the_api(stranger, path, authorization):
    headers = {} if authorization is None else {"Authorization": authorization}
    url = stranger._base_url.join(aiohttp.client.URL(path, encoded=True))

    answer = await stranger.get(url, headers=headers)

    assert await error_of(answer) == (401, "http.unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_nothing_is_hung_up_without_the_token(stranger, fake):
    assert (await stranger.post("/api/v1/calls/c_2/hangup")).status == 401
    assert fake.hung_up == []


# Around every request ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/healthz", "/nothing", "/api/v1/calls", "/api/v1/broken"])
async def test_every_answer_has_the_security_headers(client, path):
    answer = await client.get(path)

    for name, value in guards.SECURITY_HEADERS.items():
        assert answer.headers[name] == value
    assert answer.headers["Server"] == "offhook"


async def test_requests_are_logged_by_route_without_what_they_carry(client, caplog):
    caplog.set_level(logging.DEBUG, "gateway.http")

    await client.post("/api/v1/calls/c_private/hangup?caller=4930123456")

    (record,) = [record for record in caplog.records if record.message == "http request"]
    assert record.route == "/api/v1/calls/{call_id}/hangup"
    assert (record.method, record.status) == ("POST", 404)
    assert "private" not in str(vars(record))
    assert "4930123456" not in str(vars(record))


async def test_stopping_twice_and_beside_an_open_connection_is_harmless(fake, metrics):
    app = build_app(token=TOKEN, live=fake, readiness=fake, archive=fake, registry=metrics.registry)
    server = HttpServer(HttpSection(port=0), app)
    port = await server.start()
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /healthz HTTP/1.1\r\n")

    async with asyncio.timeout(10):
        await server.stop()
        await server.stop()

    writer.close()


async def test_an_address_in_use_is_told_with_the_remedy(port, fake, metrics):
    app = build_app(token=TOKEN, live=fake, readiness=fake, archive=fake, registry=metrics.registry)

    with pytest.raises(EndpointError, match=r"in use; stop what uses .* http\.port"):
        await HttpServer(HttpSection(port=port), app).start()
