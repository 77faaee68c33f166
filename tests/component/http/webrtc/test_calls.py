"""POST, PATCH and DELETE of browser calls over real sockets."""

import asyncio
import json

import pytest

from gateway.errors import (
    CallNotFound,
    CallOver,
    EndpointError,
    IceSessionReplaced,
    NoAgent,
    OfferRefused,
)
from gateway.http.webrtc import calls as signalling
from tests.component.http.webrtc.conftest import a_token, error_of
from tests.support.fake_browser_calls import CANDIDATE, OFFER, PASSWORD, UFRAG, a_fragment

SDP = {"Content-Type": "application/sdp"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}


async def offer(client, query: str = "", **headers):
    return await client.post(f"/webrtc/calls{query}", data=OFFER, headers={**SDP, **headers})


async def patch(client, location, fragment, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.patch(location, data=fragment, headers={**FRAGMENT, **named})


async def eventually(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


# The offer -----------------------------------------------------------------------------------------


async def test_an_offer_becomes_a_call(client, calls):
    answer = await offer(client, "?agent=echo&early=1")

    assert answer.status == 201
    assert answer.headers["Content-Type"] == "application/sdp"
    assert await answer.text() == "v=0\r\ns=the answer\r\n"
    assert answer.headers["Location"].startswith("/webrtc/calls/")
    assert answer.headers["ETag"] == '"1"'
    assert answer.headers["Accept-Patch"] == "application/trickle-ice-sdpfrag"
    assert answer.headers["Cache-Control"] == "no-store"
    [made] = calls.offers
    assert (made.agent, made.sdp, made.caller, made.source) == ("echo", OFFER, "", "127.0.0.1")
    assert made.has_early_audio
    assert made.call_id not in answer.headers["Location"]


async def test_the_first_agent_is_called_if_none_is_named(client, calls):
    await offer(client)

    assert calls.offers[0].agent == "receptionist"
    assert not calls.offers[0].has_early_audio


async def test_an_unknown_agent_is_not_found(client, calls):
    assert await error_of(await offer(client, "?agent=nobody")) == (404, "agent.not_found")
    assert calls.offers == []


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (OFFER, "application/json", (415, "http.unsupported_type")),
        ("", "application/sdp", (400, "sdp.malformed")),
        ("v=0\r\nsecret nonsense\r\n", "application/sdp", (400, "sdp.malformed")),
        (b"\xff\xfe" * 100, "application/sdp", (400, "sdp.malformed")),
        (OFFER + "a=x\r\n" * 10_000, "application/sdp", (413, "http.too_large")),
        (OFFER + "a=x\r\n" * 100_000, "application/sdp", (413, "http.too_large")),
    ],
)
async def test_a_bad_offer_is_refused_with_a_reason_and_nothing_leaks(
    client, calls, body, content_type, expected
):
    answer = await client.post("/webrtc/calls", data=body, headers={"Content-Type": content_type})
    text = await answer.text()

    assert await error_of(answer) == expected
    assert "secret" not in text
    assert "Traceback" not in text
    assert calls.offers == []


async def test_a_body_without_a_length_is_bounded_too(client, calls):
    async def endless():
        for _ in range(100):
            yield b"a=" + b"x" * 1022

    answer = await client.post("/webrtc/calls", data=endless(), headers=SDP)

    assert await error_of(answer) == (413, "http.too_large")
    assert calls.offers == []


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (EndpointError("worker 7: a secret"), (503, "endpoint.failed")),
        (NoAgent("nobody"), (404, "agent.not_found")),
        (OfferRefused("no common codec"), (400, "sdp.refused")),
        (CallOver("no_media (a secret)"), (409, "call.over")),
    ],
)
async def test_what_the_endpoint_refuses_is_told_without_secrets(
    client, calls, desk, fault, expected
):
    calls.fails = fault

    answer = await offer(client)

    assert ("Retry-After" in answer.headers) is (expected[0] == 503)
    assert "secret" not in await answer.text()
    assert await error_of(answer) == expected
    assert desk.resources.waiting == 0


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (CallNotFound, (404, "call.not_found")),
        (CallOver, (404, "call.not_found")),
        (IceSessionReplaced, (412, "ice.stale")),
        (EndpointError, (503, "endpoint.failed")),
    ],
)
@pytest.mark.parametrize("ufrag", [UFRAG, "NewU"])
async def test_a_patch_that_the_endpoint_refuses(client, calls, location, fault, expected, ufrag):
    calls.fails = fault("a detail")

    answer = await patch(client, location, a_fragment(ufrag), If_Match='"1"')
    calls.fails = None
    again = await patch(client, location, a_fragment(), If_Match='"1"')

    assert calls.offers[0].call_id not in await answer.text()
    assert await error_of(answer) == expected
    assert again.status == 204


async def test_no_call_is_taken_while_nobody_could(client, calls):
    calls.is_ready = False

    answer = await offer(client)

    assert answer.headers["Retry-After"] == "5"
    assert await error_of(answer) == (503, "webrtc.not_ready")


async def test_an_answer_that_does_not_come_ends_the_call(client, calls, desk, monkeypatch):
    monkeypatch.setattr(signalling, "ANSWER_BOUND_S", 0.05)
    calls.answers.clear()

    answer = await offer(client)

    assert await error_of(answer) == (503, "http.timeout")
    assert calls.hung_up == [calls.offers[0].call_id]
    assert (calls.cancelled, desk.resources.waiting) == (1, 0)


async def test_a_client_that_leaves_before_the_answer_is_hung_up(port, calls, desk):
    calls.answers.clear()
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /webrtc/calls HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    head += f"Content-Type: application/sdp\r\nContent-Length: {len(OFFER)}\r\n\r\n"
    writer.write((head + OFFER).encode())
    await eventually(lambda: calls.offers)
    writer.close()
    await writer.wait_closed()

    await eventually(lambda: calls.cancelled)
    await eventually(lambda: not desk.resources.waiting)

    assert calls.hung_up == [calls.offers[0].call_id]
    assert (calls.cancelled, desk.resources.waiting, len(desk.resources)) == (1, 0, 0)


async def test_an_answer_may_take_a_while(client, calls):
    calls.answers.clear()
    waiting = asyncio.create_task(offer(client))
    await eventually(lambda: calls.offers)
    calls.answers.set()

    assert (await waiting).status == 201


class TestFull:
    @pytest.fixture
    def webrtc(self):
        return {"max_calls": 2}

    async def test_calls_over_the_bound_are_refused_until_one_ends(self, client, calls):
        first = await offer(client)
        await offer(client)

        refused = await offer(client)
        await client.delete(first.headers["Location"])
        again = await offer(client)

        assert refused.headers["Retry-After"] == "5"
        assert await error_of(refused) == (503, "webrtc.full")
        assert again.status == 201


class TestRate:
    @pytest.fixture
    def webrtc(self):
        return {"calls_per_minute": 3}

    @pytest.fixture
    def http(self):
        return {"trusted_proxies": ["127.0.0.0/8"]}

    async def test_one_address_may_not_ask_too_often(self, client, calls):
        # Each with a header of its own: what a client writes itself does not make it another.
        answers = [
            await offer(client, **{"X-Forwarded-For": f"192.0.2.{n}, 198.51.100.1"})
            for n in range(4)
        ]
        other = await offer(client, **{"X-Forwarded-For": "198.51.100.2"})

        # Through a proxy nobody is this machine: a token is needed, but the rate counts first.
        assert [answer.status for answer in answers] == [401, 401, 401, 429]
        assert int(answers[3].headers["Retry-After"]) in range(1, 61)
        assert await error_of(answers[3]) == (429, "http.too_many_requests")
        assert other.status == 401

    async def test_candidates_are_counted_too(self, client):
        statuses = [(await client.delete("/webrtc/calls/none")).status for _ in range(61)]

        assert statuses == [404] * 60 + [429]


# Origins -------------------------------------------------------------------------------------------


class TestOrigins:
    SHOP = "https://shop.example.com"

    @pytest.fixture
    def webrtc(self):
        return {"origins": [self.SHOP], "anonymous": "yes"}

    async def test_a_configured_page_may_call_and_read_the_answer(self, client):
        answer = await offer(client, Origin=self.SHOP)

        assert answer.status == 201
        assert answer.headers["Access-Control-Allow-Origin"] == self.SHOP
        assert "location" in answer.headers["Access-Control-Expose-Headers"]
        assert answer.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in answer.headers

    async def test_refusals_can_be_read_by_the_page_too(self, client):
        answer = await offer(client, "?agent=nobody", Origin=self.SHOP)

        assert answer.status == 404
        assert answer.headers["Access-Control-Allow-Origin"] == self.SHOP

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", SHOP + ":8443"])
    @pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "OPTIONS"])
    async def test_other_pages_may_not(self, client, calls, origin, method):
        path = "/webrtc/calls" if method in ("POST", "OPTIONS") else "/webrtc/calls/some"
        answer = await client.request(method, path, data=OFFER, headers={**SDP, "Origin": origin})

        assert await error_of(answer) == (403, "webrtc.origin")
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert calls.offers == []

    @pytest.mark.parametrize("path", ["/webrtc/calls", "/webrtc/calls/some", "/webrtc/config"])
    async def test_a_preflight_is_answered(self, client, path):
        headers = {
            "Origin": self.SHOP,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type",
        }
        answer = await client.options(path, headers=headers)

        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == self.SHOP
        assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
        assert "if-match" in answer.headers["Access-Control-Allow-Headers"]


async def test_our_own_page_may_call(client, port):
    answer = await offer(client, Origin=f"http://127.0.0.1:{port}")

    assert answer.status == 201


async def test_options_tell_what_may_be_posted(client):
    answer = await client.options("/webrtc/calls")

    assert (answer.status, answer.headers["Accept-Post"]) == (204, "application/sdp")


# Candidates and restarts ---------------------------------------------------------------------------


@pytest.fixture
async def location(client, calls):
    return (await offer(client)).headers["Location"]


async def test_candidates_are_handed_on(client, calls, location):
    fragment = a_fragment(UFRAG, PASSWORD, CANDIDATE)

    answer = await patch(client, location, fragment, If_Match='"1"')

    assert (answer.status, await answer.text()) == (204, "")
    assert calls.fragments == [(calls.offers[0].call_id, fragment)]


@pytest.mark.parametrize("if_match", ["*", '"1"'])
async def test_new_credentials_restart_ice(client, calls, location, if_match):
    fragment = a_fragment("NewU", "n" * 24)

    answer = await patch(client, location, fragment, If_Match=if_match)

    assert answer.status == 200
    assert answer.content_type == "application/trickle-ice-sdpfrag"
    assert answer.headers["ETag"] == '"2"'
    assert await answer.text() == "a=ice-ufrag:ours\r\n"
    assert calls.restarts == [(calls.offers[0].call_id, fragment, if_match.strip('"'))]
    old = await patch(client, location, a_fragment("NewU", "n" * 24, CANDIDATE), If_Match='"1"')
    new = await patch(client, location, a_fragment("NewU", "n" * 24, CANDIDATE), If_Match='"2"')
    assert await error_of(old) == (412, "http.precondition_failed")
    assert new.status == 204


async def test_of_two_restarts_of_one_session_the_second_is_stale(client, calls, location):
    one, other = await asyncio.gather(
        patch(client, location, a_fragment("NewA", "n" * 24), If_Match='"1"'),
        patch(client, location, a_fragment("NewB", "n" * 24), If_Match='"1"'),
    )

    assert sorted([one.status, other.status]) == [200, 412]
    assert len(calls.restarts) == 1


@pytest.mark.parametrize(
    ("fragment", "headers", "expected"),
    [
        (a_fragment(), {}, (428, "http.precondition_required")),
        (a_fragment(), {"If_Match": '"0"'}, (412, "http.precondition_failed")),
        (a_fragment(), {"If_Match": 'W/"1"'}, (412, "http.precondition_failed")),
        (CANDIDATE, {"If_Match": '"1"'}, (400, "sdp.malformed")),
        ("nonsense", {"If_Match": '"1"'}, (400, "sdp.malformed")),
        ("a=x\r\n" * 2000, {"If_Match": '"1"'}, (413, "http.too_large")),
        (
            a_fragment(),
            {"If_Match": '"1"', "Content_Type": "text/plain"},
            (415, "http.unsupported_type"),
        ),
    ],
)
async def test_a_bad_patch_changes_nothing(client, calls, location, fragment, headers, expected):
    answer = await patch(client, location, fragment, **headers)

    assert await error_of(answer) == expected
    assert (calls.fragments, calls.restarts) == ([], [])


async def test_a_call_that_is_over_takes_no_candidates(client, calls, location):
    calls.live.clear()

    answer = await patch(client, location, a_fragment(), If_Match='"1"')

    assert await error_of(answer) == (404, "call.not_found")


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
async def test_a_call_cannot_be_read(client, location, method):
    answer = await client.request(method, location)

    assert await error_of(answer) == (405, "http.method_not_allowed")


# The end -------------------------------------------------------------------------------------------


async def test_delete_ends_the_call_and_may_come_twice(client, calls, location):
    first = await client.delete(location)
    second = await client.delete(location)

    assert (first.status, second.status) == (200, 200)
    assert calls.hung_up[0] == calls.offers[0].call_id


async def test_delete_during_a_restart(client, calls, location):
    restart, delete = await asyncio.gather(
        patch(client, location, a_fragment("NewA", "n" * 24), If_Match="*"),
        client.delete(location),
    )

    assert delete.status == 200
    assert restart.status in (200, 404)
    assert calls.hung_up == [calls.offers[0].call_id]


async def test_an_unknown_call_is_not_found(client, calls):
    assert await error_of(await client.delete("/webrtc/calls/guess")) == (404, "call.not_found")
    assert calls.hung_up == []


# Tokens --------------------------------------------------------------------------------------------


class TestTokens:
    @pytest.fixture
    def webrtc(self):
        return {"anonymous": "no"}

    async def test_a_token_opens_its_agent_once(self, client, calls):
        bearer = f"Bearer {a_token(name='Ann', subject='customer-7', max_call_s=90)}"

        first = await offer(client, Authorization=bearer)
        second = await offer(client, Authorization=bearer)

        assert first.status == 201
        assert await error_of(second) == (401, "token.replayed")
        [made] = calls.offers
        assert (made.agent, made.caller, made.caller_name) == ("echo", "web:customer-7", "Ann")
        assert made.max_call_s == 90

    @pytest.mark.parametrize(
        ("authorization", "query", "expected"),
        [
            (lambda: "", "", (401, "token.missing")),
            (lambda: "Basic YTpi", "", (401, "token.missing")),
            (lambda: "Bearer", "", (401, "token.missing")),
            (lambda: "Bearer nonsense", "", (401, "token.malformed")),
            (lambda: f"Bearer {a_token(ttl_s=-1)}", "", (401, "token.expired")),
            (lambda: f"Bearer {a_token()}x", "", (401, "token.forged")),
            (lambda: f"Bearer {a_token()}", "?agent=receptionist", (403, "token.wrong_agent")),
            (lambda: f"Bearer {a_token('nobody')}", "", (404, "agent.not_found")),
        ],
    )
    async def test_a_token_is_refused_with_its_own_code(
        self, client, calls, authorization, query, expected
    ):
        headers = {"Authorization": value} if (value := authorization()) else {}

        answer = await offer(client, query, **headers)

        assert await error_of(answer) == expected
        assert ("WWW-Authenticate" in answer.headers) is (expected[0] == 401)
        assert calls.offers == []

    async def test_a_bad_offer_does_not_use_a_token_up(self, client):
        headers = {**SDP, "Authorization": f"Bearer {a_token()}"}

        bad = await client.post("/webrtc/calls", data="v=0", headers=headers)
        good = await client.post("/webrtc/calls", data=OFFER, headers=headers)

        assert (bad.status, good.status) == (400, 201)

    async def test_a_caller_whom_only_we_kept_out_may_try_again(self, client, calls):
        bearer = f"Bearer {a_token()}"
        calls.fails = EndpointError("no worker")
        refused = await offer(client, Authorization=bearer)
        calls.fails = None

        assert refused.status == 503
        assert (await offer(client, Authorization=bearer)).status == 201

    async def test_of_many_uses_at_once_one_wins(self, client):
        bearer = f"Bearer {a_token()}"

        answers = await asyncio.gather(*(offer(client, Authorization=bearer) for _ in range(8)))

        assert sorted(answer.status for answer in answers) == [201] + [401] * 7

    async def test_used_tokens_are_written_down(self, client, desk, tmp_path):
        await offer(client, Authorization=f"Bearer {a_token()}")
        await desk.close()

        [line] = (tmp_path / "webrtc-used-tokens").read_text().splitlines()
        assert int(line.split()[0]) > 0


# Anonymous calls -----------------------------------------------------------------------------------


class TestAnonymous:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Host": "phone.example.com"},
            {"X-Forwarded-For": "127.0.0.1"},
            {"Origin": "http://evil.example", "Host": "evil.example"},
        ],
    )
    async def test_by_default_only_this_machine_may(self, client, calls, headers):
        assert await error_of(await offer(client, **headers)) == (401, "token.missing")
        assert calls.offers == []

    async def test_a_token_is_checked_even_where_none_is_needed(self, client):
        answer = await offer(client, Authorization="Bearer nonsense")

        assert await error_of(answer) == (401, "token.malformed")


class TestAnonymousForSome:
    @pytest.fixture
    def webrtc(self):
        return {"anonymous": "yes", "anonymous_agents": ["echo"]}

    async def test_only_the_named_agents_are_open(self, client):
        strange = {"Host": "phone.example.com"}

        assert (await offer(client, **strange)).status == 201
        closed = await offer(client, "?agent=receptionist", **strange)

        assert await error_of(closed) == (401, "token.missing")


async def test_every_error_has_the_one_shape_and_no_trace(client):
    for path in ("/webrtc", "/webrtc/", "/webrtc/other", "/webrtc/calls/a/b", "/webrtc/static/no"):
        answer = await client.get(path)
        assert answer.status in (404, 405)
        assert set(json.loads(await answer.text())["error"]) == {"code", "message"}


class TestProxy:
    @pytest.fixture
    def webrtc(self):
        return {"anonymous": "yes"}

    @pytest.fixture
    def http(self):
        return {"trusted_proxies": ["127.0.0.0/8"]}

    async def test_a_trusted_proxy_tells_under_which_name_our_page_is_served(self, client):
        page = {"Origin": "https://phone.example.com", "X-Forwarded-For": "192.0.2.1"}

        told = await offer(client, **page, **{"X-Forwarded-Host": "phone.example.com"})
        untold = await offer(client, **page)

        assert told.status == 201
        assert told.headers["Access-Control-Allow-Origin"] == "https://phone.example.com"
        assert await error_of(untold) == (403, "webrtc.origin")


async def test_a_stranger_may_not_choose_the_name(client):
    chosen = {"Origin": "https://evil.example", "X-Forwarded-Host": "evil.example"}

    assert await error_of(await offer(client, **chosen)) == (403, "webrtc.origin")
