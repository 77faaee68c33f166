"""Tests of gateway/http/hooks.py behind the real HTTP server."""

import json

import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.channels.keywords import Keyword
from gateway.channels.reception import KeywordAnswer
from gateway.channels.webhook_signature import key_of, sign
from gateway.http.hooks import ProgramHooks, TelegramHook
from gateway.model.messages import Channel, MessageStatus
from tests.support.fake_http_ports import FakeGateway
from tests.support.fake_reception import FakeReception

KEY = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
NOW = 1_700_000_000.0
GOOD = {"from": "zoe", "to": "desk", "text": "Hi 👋"}


class Rig:
    def __init__(self):
        self.reception = FakeReception()
        gateway = FakeGateway()
        app = gateway.app()
        ProgramHooks(self.reception, [KEY], clock=lambda: NOW).add_routes(app)
        TelegramHook(self.reception, "s3cret", "@desk", clock=lambda: NOW).add_routes(app)
        self.client = TestClient(TestServer(app))

    async def post(self, path, told, *, message_id="w1", at=NOW, key=KEY):
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        headers = sign(key, message_id, body, at=at)
        async with self.client.post(path, data=body, headers=headers) as response:
            return response.status

    async def telegram(self, told, secret="s3cret"):
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret}
        async with self.client.post("/telegram/messages", json=told, headers=headers) as response:
            return response.status


@pytest.fixture
async def rig():
    made = Rig()
    await made.client.start_server()
    yield made
    await made.client.close()


def update(text, **more):
    message = {
        "message_id": 5,
        "chat": {"id": 42, "type": "private"},
        "from": {"is_bot": False, "first_name": "Zoë"},
        "text": text,
        **more,
    }
    return {"update_id": 1, "message": message}


async def test_the_programs_message_is_handed_over(rig):
    file = {"url": "https://example.com/a", "content_type": "image/png"}
    assert await rig.post("/hooks/messages", GOOD | {"name": "Zoë", "media": [file]}) == 204
    (message,) = rig.reception.messages
    assert (message.provider, message.provider_id, message.channel) == (
        "webhook",
        "w1",
        Channel.WEBHOOK,
    )
    assert (message.sender, message.recipient, message.text) == ("zoe", "desk", "Hi 👋")
    assert (message.sender_name, message.media[0].url) == ("Zoë", "https://example.com/a")


async def test_the_program_may_bring_email(rig):
    assert await rig.post("/hooks/messages", GOOD | {"channel": "email"}) == 204
    assert rig.reception.messages[0].channel is Channel.EMAIL


async def test_what_comes_twice_is_taken_once(rig):
    for _ in range(2):
        assert await rig.post("/hooks/messages", GOOD) == 204
    assert len(rig.reception.messages) == 1


@pytest.mark.parametrize("wrong", [{"key": b"x" * 24}, {"at": NOW - 301}, {"message_id": ""}])
async def test_a_wrong_signature_or_a_replay_is_403(rig, wrong):
    assert await rig.post("/hooks/messages", GOOD, **wrong) == 403
    assert await rig.post("/hooks/status", {"message_id": "m", "status": "read"}, **wrong) == 403
    assert not rig.reception.messages
    assert not rig.reception.receipts


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"{",
        b"[" * 50_000,
        [],
        {},
        GOOD | {"from": ""},
        GOOD | {"channel": "sms"},
        GOOD | {"text": 5},
        GOOD | {"text": "x" * 40_000},
        GOOD | {"media": [{"url": "file:///etc/passwd"}]},
    ],
)
async def test_what_cannot_be_read_is_400(rig, told):
    assert await rig.post("/hooks/messages", told) == 400


async def test_a_receipt_of_the_program(rig):
    told = {"message_id": "m1", "status": "failed", "error_code": "gone"}
    assert await rig.post("/hooks/status", told) == 204
    (receipt,) = rig.reception.receipts
    assert (receipt.message_id, receipt.status) == ("m1", MessageStatus.FAILED)
    assert receipt.error_code == "gone"
    assert await rig.post("/hooks/status", told | {"status": "queued"}) == 400


async def test_a_telegram_message(rig):
    assert await rig.telegram(update("Hello /start")) == 204
    (message,) = rig.reception.messages
    assert (message.provider_id, message.sender, message.recipient) == ("42:5", "42", "@desk")
    assert (message.channel, message.text, message.sender_name) == (
        Channel.TELEGRAM,
        "Hello /start",
        "Zoë",
    )


async def test_strangers_do_not_fill_the_log(rig, caplog):
    for _ in range(5):
        assert await rig.post("/hooks/messages", GOOD, key=b"x" * 24) == 403
    told = [r for r in caplog.records if "without a good signature" in r.getMessage()]
    assert len(told) == 1


@pytest.mark.parametrize("secret", ["", "wrong", "s3cretx"])
async def test_another_secret_is_403(rig, secret):
    assert await rig.telegram(update("hi"), secret) == 403
    assert not rig.reception.messages


@pytest.mark.parametrize("text", ["STOP", "/stop"])
async def test_keywords_never_become_messages(rig, text):
    await rig.telegram(update(text))
    await rig.post("/hooks/messages", GOOD | {"text": "stop"})
    assert rig.reception.keywords == [
        ("42", Keyword.STOP, KeywordAnswer.OURS),
        ("zoe", Keyword.STOP, KeywordAnswer.OURS),
    ]
    assert not rig.reception.messages


@pytest.mark.parametrize(
    "told",
    [
        {"update_id": 1, "edited_message": {}},
        update("x", chat={"id": -1, "type": "group"}),
        update("x", **{"from": {"is_bot": True}}),
        # What cannot be read, and what says nothing: refused it would come for ever.
        update("x", chat={"id": "no number"}),
        update("x" * 9_000),
        update("", dice={"emoji": "🎲", "value": 6}),
        [],
    ],
)
async def test_other_updates_are_left_out(rig, told):
    assert await rig.telegram(told) == 204
    assert not rig.reception.messages


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"location": {"latitude": 52.5, "longitude": 13.4}}, "[location: 52.5, 13.4]"),
        ({"contact": {"phone_number": "+4915", "first_name": "Ann"}}, "[contact: Ann +4915]"),
        ({"sticker": {"file_id": "x", "emoji": "👍"}}, "👍"),
        ({"caption": "look", "location": {"latitude": 1, "longitude": 2}}, "look"),
    ],
)
async def test_what_is_sent_instead_of_words_is_told_in_words(rig, more, words):
    assert await rig.telegram(update("", **more)) == 204
    (message,) = rig.reception.messages
    assert message.text == words


async def test_telegrams_files_come_by_their_ids(rig):
    photo = [{"file_id": "small", "file_size": 10}, {"file_id": "large", "file_size": 900}]
    document = {"file_id": "doc", "mime_type": "application/pdf", "file_size": 77}
    told = update("", caption="look", photo=photo, document=document)
    assert await rig.telegram(told) == 204
    (message,) = rig.reception.messages
    assert message.text == "look"
    assert [(item.url, item.content_type) for item in message.media] == [
        ("telegram:large", "image/jpeg"),
        ("telegram:doc", "application/pdf"),
    ]


async def test_a_pressed_button_is_what_it_says(rig):
    pressed = {
        "id": "77",
        "from": {"first_name": "Zoë"},
        "data": "Yes",
        "message": update("?")["message"],
    }
    told = {"update_id": 2, "callback_query": pressed}
    headers = {"X-Telegram-Bot-Api-Secret-Token": "s3cret"}
    for _ in range(2):
        async with rig.client.post("/telegram/messages", json=told, headers=headers) as response:
            done = await response.json()
    assert done == {"method": "answerCallbackQuery", "callback_query_id": "77"}
    (message,) = rig.reception.messages
    assert (message.text, message.sender, message.sender_name) == ("Yes", "42", "Zoë")
