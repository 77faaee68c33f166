"""Teams: what the Bot Connector posts is taken, and nothing that anybody else does."""

import json
import time

import jwt
import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from gateway.channels.keywords import Keyword
from gateway.channels.openid_keys import AGAIN_S, RETRY_S, OpenIdKeys
from gateway.channels.teams import TeamsTransport
from gateway.channels.teams_token import TeamsTokenCheck
from gateway.config.channels import TeamsSection
from gateway.http.server import build_app
from gateway.http.teams import TeamsHook
from gateway.model.messages import Channel
from gateway.store import reply_routes
from tests.support.bot_connector import APP_ID, ISSUER, SERVICE_URL, BotConnector, new_key
from tests.support.direct_database import DirectDatabase
from tests.support.fake_http_ports import FakeGateway
from tests.support.fake_reception import FakeReception


def activity(**more):
    return {
        "type": "message",
        "id": "act-1",
        "text": "Hi 👋",
        "channelId": "msteams",
        "serviceUrl": SERVICE_URL,
        "from": {"id": "29:ann", "name": "Ann"},
        "recipient": {"id": "28:bot", "name": "Desk"},
        "conversation": {"id": "a:conv-1", "conversationType": "personal"},
        **more,
    }


class Rig:
    def __init__(self, connector):
        self.connector = connector
        self.now_s = 1_000.0
        self.reception = FakeReception()
        self.routes = {}
        self.keys = OpenIdKeys(connector.url, timeout_s=2.0, clock=lambda: self.now_s)
        check = TeamsTokenCheck(self.keys, app_id=APP_ID, issuer=ISSUER)
        gateway = FakeGateway()
        app = build_app(
            token="t" * 32,
            live=gateway,
            readiness=gateway,
            archive=gateway,
            registry=CollectorRegistry(),
        )
        TeamsHook(self.reception, check, self._remember).add_routes(app)
        self.client = TestClient(TestServer(app))

    async def _remember(self, conversation, service_url):
        self.routes[conversation] = service_url

    async def post(self, told=None, token=None, header=None):
        headers = {"Authorization": header or f"Bearer {token or self.connector.token()}"}
        body = told if isinstance(told, bytes) else json.dumps(told or activity())
        async with self.client.post("/teams/messages", data=body, headers=headers) as answer:
            return answer.status


@pytest.fixture
async def connector():
    async with BotConnector() as made:
        yield made


@pytest.fixture
async def rig(connector):
    made = Rig(connector)
    await made.client.start_server()
    yield made
    await made.client.close()
    await made.keys.close()


async def test_a_message_is_handed_over_and_its_way_back_is_kept(rig):
    assert await rig.post() == 200
    (message,) = rig.reception.messages
    assert (message.channel, message.sender, message.recipient) == (
        Channel.TEAMS,
        "a:conv-1",
        "28:bot",
    )
    assert (message.text, message.sender_name) == ("Hi 👋", "Ann")
    assert message.provider_id == "a:conv-1:act-1"
    assert rig.routes == {"a:conv-1": SERVICE_URL.rstrip("/")}
    assert await rig.post() == 200  # the connector tries again
    assert len(rig.reception.messages) == 1
    assert rig.connector.asked == ["metadata", "keys"]


async def test_mentions_are_cut_and_files_are_named(rig):
    file = {
        "contentType": "application/vnd.microsoft.teams.file.download.info",
        "content": {"downloadUrl": "https://example.com/secret", "fileType": "pdf"},
    }
    html = {"contentType": "text/html", "content": "<p>hi</p>"}
    picture = {"contentType": "image/png", "contentUrl": "https://smba.example.com/v3/a"}
    told = activity(text="<at>Desk</at> stop", attachments=[])
    assert await rig.post(told) == 200
    assert [word for _, word, _ in rig.reception.keywords] == [Keyword.STOP]
    ours = {"contentType": "image/png", "contentUrl": f"spool:{'a' * 64}"}
    others = {**file, "content": {"downloadUrl": "telegram:AgAD"}}
    broken = {"contentType": "image/png", "contentUrl": "https://["}
    files = [ours, file, html, others, broken, picture]
    assert await rig.post(activity(attachments=files)) == 200
    (message,) = rig.reception.messages
    assert [item.url for item in message.media] == [
        "https://example.com/secret",
        "https://smba.example.com/v3/a",
    ]


@pytest.mark.parametrize(
    "more",
    [
        {"type": "conversationUpdate"},
        {"type": "typing"},
        {"type": "invoke"},
        {"id": ""},
        {"conversation": {"id": "19:x", "conversationType": "channel"}},
        {"conversation": None},
    ],
)
async def test_what_is_no_message_of_one_person_is_left_out(rig, more):
    assert await rig.post(activity(**more)) == 200
    assert not rig.reception.messages


NOW = int(time.time())


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another-bot"},
        {"aud": None},
        {"iss": "https://sts.example.com"},
        {"iss": None},
        {"exp": NOW - 3600},
        {"exp": None},
        {"exp": "never"},
        {"nbf": NOW + 3600},
        {"serviceurl": "https://evil.example.com/"},
        {"serviceurl": None},
    ],
    ids=str,
)
async def test_a_token_with_a_wrong_claim_is_refused(rig, claims):
    assert await rig.post(token=rig.connector.token(**claims)) in (400, 403)
    assert not rig.reception.messages
    assert not rig.routes


@pytest.mark.parametrize(
    "header", ["Basic abc", "Bearer", "Bearer not.a.jwt", "Bearer " + "x" * 20_000]
)
async def test_what_is_no_token_is_refused(rig, header):
    assert await rig.post(header=header) in (400, 403)


async def test_forgeries_are_refused(rig):
    forged = rig.connector.token(key=new_key())
    assert await rig.post(token=forged) == 403
    claims = jwt.decode(forged, options={"verify_signature": False})
    unsigned = jwt.encode(claims, None, algorithm="none", headers={"kid": "key-1"})
    assert await rig.post(token=unsigned) == 403
    hmac = jwt.encode(claims, "k" * 32, algorithm="HS256", headers={"kid": "key-1"})
    assert await rig.post(token=hmac) == 403
    no_key = jwt.encode(claims, new_key(), algorithm="RS256")
    assert await rig.post(token=no_key) == 403
    assert not rig.reception.messages


async def test_a_little_skew_is_forgiven(rig):
    assert await rig.post(token=rig.connector.token(exp=int(time.time()) - 100)) == 200


async def test_a_key_that_is_not_endorsed_for_the_channel_is_refused(rig):
    rig.connector.endorsements = ["webchat"]
    assert await rig.post() == 403


async def test_a_new_key_is_found_and_made_up_ones_cause_no_flood(rig):
    assert await rig.post() == 200
    rig.connector.keys["key-2"] = new_key()
    new = rig.connector.token(key_id="key-2")
    for _ in range(5):
        assert await rig.post(token=new) == 403
    assert rig.connector.asked == ["metadata", "keys"]
    rig.now_s += AGAIN_S
    assert await rig.post(token=new) == 200


async def test_an_outage_of_the_keys_is_told_at_first_and_outlived_later(rig):
    rig.connector.is_down = True
    for _ in range(3):
        assert await rig.post() == 503
    assert rig.connector.asked == ["metadata"]
    rig.connector.is_down = False
    rig.now_s += RETRY_S
    assert await rig.post() == 200
    rig.connector.is_down = True
    rig.now_s += 2 * 86_400
    assert await rig.post(activity(id="act-2")) == 200


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"type": 5}', b"\xff"])
async def test_bad_bodies_are_refused(rig, body):
    assert await rig.post(body) in (400, 403)


async def test_the_answer_goes_where_the_conversation_is(connector):
    database = DirectDatabase()
    database.run(
        lambda connection: reply_routes.remember(
            connection, Channel.TEAMS, "a:conv-1", "https://one.example.com", at=1.0
        )
    )
    database.run(
        lambda connection: reply_routes.remember(
            connection, Channel.TEAMS, "a:conv-1", "http://127.0.0.1:9/emea", at=2.0
        )
    )

    async def of(conversation):
        return database.run(
            lambda connection: reply_routes.of(connection, Channel.TEAMS, conversation)
        )

    transport = TeamsTransport(
        TeamsSection(app_id=APP_ID, app_password_file="x"), app_password="s", service_url_of=of
    )
    assert await transport._service_url("a:conv-1") == "http://127.0.0.1:9/emea"
    assert await transport._service_url("a:other") == TeamsSection().service_url
    await transport.close()
    database.close()
