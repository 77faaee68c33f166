"""Placing calls by the API: what is asked for, what is refused, and in which words."""

import json

import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.dialling.dialler import DialRequest, PlacedAs
from gateway.dialling.policy import LIMITS, Refusal
from gateway.errors import DialRefused
from gateway.http import dialling
from gateway.http.server import build_app
from gateway.metrics import Metrics
from tests.support.fake_http_ports import FakeGateway

TOKEN = "t" * 40
TO = "+4930123456"


class Dialler:
    """Places every call, or raises what it was told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[DialRequest, str | None]] = []
        self.refuses: DialRefused | None = None

    async def dial(self, request: DialRequest, *, key: str | None = None) -> PlacedAs:
        self.asked.append((request, key))
        if self.refuses is not None:
            raise self.refuses
        return PlacedAs(call_id="c_1", number=request.to, trunk="carrier", is_new=key != "again")


@pytest.fixture
def dialler():
    return Dialler()


@pytest.fixture
async def client(dialler):
    fake = FakeGateway()
    app = build_app(
        token=TOKEN, live=fake, readiness=fake, archive=fake, registry=Metrics().registry
    )
    dialling.add_routes(app, dialler)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with TestClient(TestServer(app), headers=headers) as client:
        yield client


async def test_a_call_is_placed_and_its_place_told(client, dialler):
    body = {"to": f" {TO} ", "greeting": "Guten Tag, hier ist Zoë 👋", "purpose": "two\nlines"}

    answer = await client.post("/api/v1/calls", json=body)

    assert (answer.status, answer.headers["Location"]) == (201, "/api/v1/calls/c_1")
    [(request, key)] = dialler.asked
    assert (request.to, request.greeting, key) == (TO, body["greeting"], None)


@pytest.mark.parametrize("by_header", [True, False])
async def test_a_key_places_one_call(client, dialler, by_header):
    body = {"to": TO, **({} if by_header else {"idempotency_key": "again"})}
    headers = {"Idempotency-Key": "again"} if by_header else {}

    answer = await client.post("/api/v1/calls", json=body, headers=headers)

    assert (answer.status, (await answer.json())["is_new"]) == (200, False)
    assert dialler.asked[0][1] == "again"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "to is missing"),
        ("no json", "the body is not JSON; send an object"),
        ("[" * 60_000, "the body is not JSON"),
        ("[]", "the body is not a JSON object"),
        (json.dumps({"to": TO, "too": 1}), "unknown key 'too'"),
        (json.dumps({"to": 30}), "to must be a text"),
        (json.dumps({"to": TO, "greeting": "x" * 1_001}), "greeting must be a text of up to 1000"),
        # Neither can be said or stored: a NUL, and half of a surrogate pair.
        (json.dumps({"to": TO, "greeting": "a\x00b"}), "greeting must be a text"),
        (json.dumps({"to": TO, "greeting": "a\ud800b"}), "greeting must be a text"),
        (json.dumps({"to": TO, "purpose": "\udc00"}), "purpose must be a text"),
        (json.dumps({"to": TO, "idempotency_key": "a\nb"}), "Idempotency-Key must be"),
    ],
)
async def test_a_body_that_is_wrong_places_nothing(client, dialler, body, words):
    answer = await client.post("/api/v1/calls", data=body)

    error = (await answer.json())["error"]
    assert (answer.status, error["code"]) == (400, "http.bad_request")
    assert words in error["message"]
    assert dialler.asked == []


@pytest.mark.parametrize(
    ("reason", "status"), [("not_allowed", 403), ("no_trunk", 404), ("key_reused", 409)]
)
async def test_a_refusal_is_told_by_its_reason(client, dialler, reason, status):
    dialler.refuses = DialRefused(reason, "this number may not be dialled")

    answer = await client.post("/api/v1/calls", json={"to": TO})

    assert (answer.status, (await answer.json())["error"]["code"]) == (status, f"dial.{reason}")
    assert "Retry-After" not in answer.headers


async def test_only_what_passes_with_time_is_too_much(client, dialler):
    told_to_wait = set()
    for refusal in Refusal:
        dialler.refuses = DialRefused(refusal.value, "this number may not be dialled")
        if (await client.post("/api/v1/calls", json={"to": TO})).status == 429:
            told_to_wait.add(refusal)

    assert told_to_wait == LIMITS


async def test_a_limit_says_when_to_try_again(client, dialler):
    dialler.refuses = DialRefused("budget", "the day's budget is spent", retry_after_s=60)

    answer = await client.post("/api/v1/calls", json={"to": TO})

    assert (answer.status, answer.headers["Retry-After"]) == (429, "60")
