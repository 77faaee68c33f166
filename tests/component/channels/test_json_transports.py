"""Tests of the webhook, Telegram and Teams transports against servers that speak their wire formats."""

import json

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks.webhooks import Webhook

from gateway.channels.teams import SCOPE, TeamsTransport
from gateway.channels.telegram import TelegramTransport
from gateway.channels.webhook import WebhookTransport
from gateway.channels.webhook_signature import key_of
from gateway.config.channels import TeamsSection, TelegramSection, WebhookSection
from gateway.model.messages import (
    Channel,
    InboundMessage,
    Media,
    OutboundMessage,
    SendFailed,
    ShowsTyping,
    TakesKey,
    Template,
)

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PICTURE = Media(url="https://example.com/a.png", content_type="image/png")
REPORT = Media(url="https://example.com/a.pdf", content_type="application/pdf")


class Provider:
    """Remembers requests; answers what the test has put in line, then `default`."""

    def __init__(self, default):
        self.default = default
        self.answers = []
        self.requests = []
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        self.server = TestServer(app)

    async def handle(self, request):
        body = await request.read()
        self.requests.append((request.raw_path, request.headers.copy(), body))
        status, told, headers = self.answers.pop(0) if self.answers else (200, self.default, {})
        if "oauth2" in request.path and status == 200:
            told = {"access_token": f"token{len(self.requests)}", "expires_in": 3600}
        return web.json_response(told, status=status, headers=headers)

    @property
    def url(self):
        return str(self.server.make_url("")).rstrip("/")


@pytest.fixture
async def provider():
    made = Provider({"ok": True, "result": {"message_id": 7}, "id": "a1"})
    await made.server.start_server()
    yield made
    await made.server.close()


def message(channel, **more):
    values = {
        "message_id": "m1",
        "room_id": "r",
        "channel": channel,
        "sender": "",
        "recipient": "19:abc@thread",
        "text": "Hello 👋",
        "cause": "c",
        **more,
    }
    return OutboundMessage(**values)


@pytest.fixture
async def webhook(provider, tmp_path):
    section = WebhookSection(url=f"{provider.url}/in", secret_file=tmp_path / "s")
    made = WebhookTransport(section, key=key_of(SECRET))
    yield made
    await made.close()


@pytest.fixture
async def telegram(provider, tmp_path):
    section = TelegramSection(bot_token_file=tmp_path / "t", api_url=provider.url)
    made = TelegramTransport(section, bot_token="1:x")
    yield made
    await made.close()


@pytest.fixture
async def teams(provider, tmp_path):
    section = TeamsSection(
        app_id="app",
        app_password_file=tmp_path / "p",
        service_url=f"{provider.url}/teams",
        login_url=provider.url,
    )
    made = TeamsTransport(section, app_password="secret")
    yield made
    await made.close()


async def test_a_webhook_is_signed_as_the_specification_has_it(webhook, provider):
    template = Template(content_sid="HX1", variables={"1": "x"})
    accepted = await webhook.send(message(Channel.WEBHOOK, media=(PICTURE,), template=template))
    ((path, headers, body),) = provider.requests
    told = Webhook(SECRET).verify(body, {k.lower(): v for k, v in headers.items()})
    assert path == "/in"
    assert (told["message_id"], told["text"]) == (headers["webhook-id"], "Hello 👋")
    assert told["media"] == [{"url": PICTURE.url, "content_type": "image/png"}]
    assert told["template"] == {"content_sid": "HX1", "variables": {"1": "x"}}
    assert accepted.provider_id == "m1"
    assert isinstance(webhook, TakesKey)


@pytest.mark.parametrize(
    ("status", "may_retry"),
    [(400, False), (404, False), (410, False), (408, True), (429, True), (500, True), (302, True)],
)
async def test_what_the_program_answers_decides(webhook, provider, status, may_retry):
    provider.answers.append((status, {}, {"Retry-After": "4", "Location": "/elsewhere"}))
    with pytest.raises(SendFailed) as caught:
        await webhook.send(message(Channel.WEBHOOK))
    assert (caught.value.code, caught.value.may_retry) == (f"http_{status}", may_retry)
    assert caught.value.retry_after_s == (4.0 if may_retry else None)
    assert len(provider.requests) == 1


async def test_telegram_texts_and_files(telegram, provider):
    accepted = await telegram.send(message(Channel.TELEGRAM, recipient="42"))
    await telegram.send(message(Channel.TELEGRAM, recipient="42", media=(PICTURE,)))
    await telegram.send(message(Channel.TELEGRAM, recipient="42", media=(REPORT,)))
    assert accepted.provider_id == "42:7"
    assert [(path, json.loads(body)) for path, _, body in provider.requests] == [
        ("/bot1:x/sendMessage", {"chat_id": "42", "text": "Hello 👋"}),
        ("/bot1:x/sendPhoto", {"chat_id": "42", "photo": PICTURE.url, "caption": "Hello 👋"}),
        ("/bot1:x/sendDocument", {"chat_id": "42", "document": REPORT.url, "caption": "Hello 👋"}),
    ]


@pytest.mark.parametrize(
    ("status", "told", "code", "may_retry", "is_unknown", "wait_s"),
    [
        (403, {"error_code": 403, "description": "blocked"}, "telegram_403", False, False, None),
        (
            429,
            {"error_code": 429, "parameters": {"retry_after": 9}},
            "telegram_429",
            True,
            False,
            9,
        ),
        (502, [], "telegram_502", True, True, None),
    ],
)
async def test_telegrams_refusals(
    telegram, provider, status, told, code, may_retry, is_unknown, wait_s
):
    provider.answers.append((status, told, {}))
    with pytest.raises(SendFailed) as caught:
        await telegram.send(message(Channel.TELEGRAM))
    failure = caught.value
    assert (failure.code, failure.may_retry, failure.is_unknown) == (code, may_retry, is_unknown)
    assert failure.retry_after_s == wait_s


async def test_what_does_not_fit_one_telegram_message_is_refused(telegram, provider):
    for more in ({"media": (PICTURE, REPORT)}, {"media": (PICTURE,), "text": "x" * 1025}):
        with pytest.raises(SendFailed, match="too_much"):
            await telegram.send(message(Channel.TELEGRAM, **more))
    assert not provider.requests


async def test_teams_asks_for_a_token_once(teams, provider):
    for _ in range(2):
        accepted = await teams.send(message(Channel.TEAMS, sender="28:bot", media=(PICTURE,)))
    assert accepted.provider_id == "a1"
    paths = [path for path, _, _ in provider.requests]
    activities = "/teams/v3/conversations/19:abc@thread/activities"
    assert paths == ["/botframework.com/oauth2/v2.0/token", activities, activities]
    assert (
        f"scope={SCOPE.replace(':', '%3A').replace('/', '%2F')}" in provider.requests[0][2].decode()
    )
    assert provider.requests[1][1]["Authorization"] == "Bearer token1"
    told = json.loads(provider.requests[1][2])
    assert (told["text"], told["from"]) == ("Hello 👋", {"id": "28:bot"})
    assert told["attachments"] == [{"contentType": "image/png", "contentUrl": PICTURE.url}]


async def test_a_teams_token_that_was_revoked_is_asked_for_anew(teams, provider):
    await teams.send(message(Channel.TEAMS))
    provider.answers.append((401, {}, {}))
    with pytest.raises(SendFailed) as caught:
        await teams.send(message(Channel.TEAMS))
    assert caught.value.may_retry
    await teams.send(message(Channel.TEAMS))
    assert provider.requests[-1][1]["Authorization"] == "Bearer token4"


@pytest.mark.parametrize(
    ("status", "may_retry", "is_unknown"),
    [
        (403, False, False),
        (404, False, False),
        (429, True, False),
        (503, True, False),
        (500, True, True),
    ],
)
async def test_teams_refusals(teams, provider, status, may_retry, is_unknown):
    await teams.send(message(Channel.TEAMS))
    provider.answers.append((status, {"error": {"message": "no"}}, {"Retry-After": "3"}))
    with pytest.raises(SendFailed) as caught:
        await teams.send(message(Channel.TEAMS))
    failure = caught.value
    assert (failure.may_retry, failure.is_unknown, failure.detail) == (may_retry, is_unknown, "no")


async def test_a_teams_login_that_is_refused_is_not_tried_again(teams, provider):
    provider.answers.append((400, {"error": "invalid_client"}, {}))
    with pytest.raises(SendFailed, match="invalid_client") as caught:
        await teams.send(message(Channel.TEAMS))
    assert not caught.value.may_retry


def test_each_serves_its_own_channel_only(webhook, telegram, teams):
    for transport, own in (
        (webhook, Channel.WEBHOOK),
        (telegram, Channel.TELEGRAM),
        (teams, Channel.TEAMS),
    ):
        served = [channel for channel in Channel if transport.capabilities(channel) is not None]
        assert served == [own]


def inbound(channel, sender):
    return InboundMessage(
        provider="p",
        provider_id="1",
        channel=channel,
        sender=sender,
        recipient="bot",
        text="x",
        received_at=1.0,
    )


async def test_telegram_has_buttons_and_a_sign_of_typing(telegram, provider):
    long = "ö" * 50
    await telegram.send(message(Channel.TELEGRAM, buttons=("Yes", long)))
    await telegram.show_typing(inbound(Channel.TELEGRAM, "42"))
    (_, _, sent), (path, _, typing) = provider.requests
    first, second = (row[0] for row in json.loads(sent)["reply_markup"]["inline_keyboard"])
    assert first == {"text": "Yes", "callback_data": "Yes"}
    assert second == {"text": long, "callback_data": "ö" * 32}
    assert path.endswith("/sendChatAction")
    assert json.loads(typing) == {"chat_id": "42", "action": "typing"}
    assert telegram.capabilities(Channel.TELEGRAM).buttons
    assert isinstance(telegram, ShowsTyping)


async def test_teams_has_suggested_actions_and_a_sign_of_typing(teams, provider):
    await teams.send(message(Channel.TEAMS, buttons=("Yes", "No")))
    await teams.show_typing(inbound(Channel.TEAMS, "19:abc@thread"))
    bodies = [json.loads(body) for path, _, body in provider.requests if "activities" in path]
    actions = bodies[0]["suggestedActions"]["actions"]
    assert [(one["type"], one["value"]) for one in actions] == [("imBack", "Yes"), ("imBack", "No")]
    assert bodies[1] == {"type": "typing", "from": {"id": "bot"}}
