"""The outbox over HTTP: what is listed, shown and sent again."""

import asyncio

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.channels.outbox.outbox import Outbox
from gateway.channels.outbox.recipient_limit import RecipientLimit
from gateway.http import outbox as routes
from tests.support.direct_database import DirectDatabase
from tests.support.fake_http_ports import FakeGateway
from tests.support.fake_transport import REFUSED, FakeTransport
from tests.support.messages import outbound

TOKEN = "t" * 40


@pytest.fixture
async def outbox():
    database = DirectDatabase()
    transport = FakeTransport([None, REFUSED], takes_s=0.0)
    outbox = Outbox(database, [transport], limit=RecipientLimit(burst=99))
    await outbox.start()
    for number in (1, 2):
        await outbox.accept(outbound(number))
    await settled(outbox)
    yield outbox
    await outbox.close()
    database.close()


@pytest.fixture
async def client(outbox):
    fake = FakeGateway(live={}, records=[], lines=[], parts=[])
    app = fake.app(TOKEN)
    routes.add_routes(app, outbox)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with TestClient(TestServer(app), headers=headers) as client:
        yield client


async def settled(outbox):
    async with asyncio.timeout(5):
        while outbox.pending:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def test_messages_are_listed_newest_first_with_counts(client):
    answer = await client.get("/api/v1/outbox", params={"limit": "1"})
    body = await answer.json()

    assert [message["message_id"] for message in body["messages"]] == ["m_2"]
    assert body["counts"] == {"sent": 1, "failed": 1}
    answer = await client.get("/api/v1/outbox", params={"before": str(body["next_before"])})
    body = await answer.json()
    assert [message["message_id"] for message in body["messages"]] == ["m_1"]
    assert body["next_before"] is None
    assert body["messages"][0]["text"] == "text 1"


async def test_dead_letters_are_listed_shown_and_sent_again(client, outbox):
    answer = await client.get("/api/v1/outbox", params={"status": "dead_letters"})
    (dead,) = (await answer.json())["messages"]
    assert (dead["message_id"], dead["error_code"]) == ("m_2", "21211")

    answer = await client.post("/api/v1/outbox/m_2/replay")
    assert answer.status == 202
    await settled(outbox)

    shown = await (await client.get("/api/v1/outbox/m_2")).json()
    assert shown["status"] == "sent"
    assert [attempt["outcome"] for attempt in shown["attempts"]] == ["refused", "taken"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/outbox/m_9", 404, "message.not_found"),
        ("POST", "/api/v1/outbox/m_9/replay", 404, "message.not_found"),
        ("POST", "/api/v1/outbox/m_1/replay", 409, "message.not_failed"),
        ("GET", "/api/v1/outbox?status=lost", 400, "http.bad_request"),
        ("GET", "/api/v1/outbox?limit=0", 400, "http.bad_request"),
    ],
)
async def test_what_cannot_be_is_said(client, method, path, status, code):
    answer = await client.request(method, path)

    assert answer.status == status
    assert (await answer.json())["error"]["code"] == code


async def test_without_the_token_nothing_is_told(client):
    async with aiohttp.ClientSession(client.make_url("/")) as stranger:
        answer = await stranger.get("/api/v1/outbox")

        assert answer.status == 401
