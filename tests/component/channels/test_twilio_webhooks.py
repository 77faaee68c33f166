"""Tests of gateway/http/twilio behind the real HTTP server, called by a server that signs as Twilio does."""

import pytest
from aiohttp.test_utils import TestServer

from gateway.channels.keywords import Keyword
from gateway.channels.reception import KeywordAnswer
from gateway.http.peer import Peers
from gateway.http.server import BODY_MOST
from gateway.http.twilio.public_url import PublicUrl
from gateway.http.twilio.webhooks import TwilioWebhooks
from gateway.model.messages import Channel, MessageStatus
from tests.support.fake_http_ports import FakeGateway
from tests.support.fake_reception import FakeReception
from tests.support.twilio_stand_in import ACCOUNT_SID, AUTH_TOKEN, TwilioStandIn

PUBLIC = "https://voice.example.com"
PERSON = "+15550100001"
OURS = "+15550100002"
SID = "SM" + "a" * 32


class Rig:
    def __init__(self, *, public_url=PUBLIC, trusted=(), signed_for=PUBLIC):
        self.reception = FakeReception()
        self.twilio = TwilioStandIn(public_url=signed_for)
        gateway = FakeGateway()
        app = gateway.app()
        TwilioWebhooks(
            self.reception,
            PublicUrl(public_url, Peers(trusted)),
            account_sid=ACCOUNT_SID,
            auth_tokens=[AUTH_TOKEN],
            clock=lambda: 1000.0,
        ).add_routes(app)
        self.server = TestServer(app)

    async def __aenter__(self):
        await self.server.start_server()
        await self.twilio.__aenter__()
        self.twilio.gateway_url = str(self.server.make_url("")).rstrip("/")
        return self

    async def __aexit__(self, *_):
        await self.twilio.__aexit__()
        await self.server.close()


@pytest.fixture
async def rig():
    async with Rig() as made:
        yield made


async def test_a_message_is_handed_over(rig):
    body = "Grüße 👩‍👩‍👧 & = + %"
    assert await rig.twilio.write(PERSON, OURS, body, sid=SID) == 200
    (message,) = rig.reception.messages
    assert (message.provider, message.provider_id) == ("twilio", SID)
    assert (message.channel, message.sender, message.recipient) == (Channel.SMS, PERSON, OURS)
    assert (message.text, message.received_at) == (body, 1000.0)


async def test_whatsapp_with_name_and_files(rig):
    status = await rig.twilio.write(
        f"whatsapp:{PERSON}",
        f"whatsapp:{OURS}",
        "",
        ProfileName="Zoë",
        NumMedia="2",
        MediaUrl0="https://api.twilio.com/a",
        MediaContentType0="image/jpeg",
        MediaUrl1="https://api.twilio.com/b",
        MediaContentType1="audio/ogg",
    )
    assert status == 200
    (message,) = rig.reception.messages
    assert (message.channel, message.sender_name) == (Channel.WHATSAPP, "Zoë")
    assert [(m.url, m.content_type) for m in message.media] == [
        ("https://api.twilio.com/a", "image/jpeg"),
        ("https://api.twilio.com/b", "audio/ogg"),
    ]


async def test_a_button_and_a_place_have_words(rig):
    await rig.twilio.write(f"whatsapp:{PERSON}", f"whatsapp:{OURS}", "", ButtonText="Call me")
    await rig.twilio.write(
        f"whatsapp:{PERSON}", f"whatsapp:{OURS}", "", Latitude="1.5", Longitude="2", Label="Home"
    )
    texts = [message.text for message in rig.reception.messages]
    assert texts == ["Call me", "[location: 1.5, 2 Home]"]


async def test_json_is_read_too(rig):
    told = {
        "AccountSid": ACCOUNT_SID,
        "MessageSid": SID,
        "From": PERSON,
        "To": OURS,
        "Body": "hi",
        "NumMedia": 0,
    }
    assert await rig.twilio.call_json("/twilio/messages", told) == 200
    assert rig.reception.messages[0].text == "hi"


async def test_a_message_that_comes_twice_is_answered_twice_and_taken_once(rig):
    for _ in range(2):
        assert await rig.twilio.write(PERSON, OURS, "again", sid=SID) == 200
    assert len(rig.reception.messages) == 1


async def test_strangers_do_not_fill_the_log(rig, caplog):
    fields, headers = {"From": PERSON, "MessageSid": SID}, {"X-Twilio-Signature": "A" * 28}
    for _ in range(5):
        assert await rig.twilio.call_form("/twilio/messages", fields, headers=headers) == 403
    told = [r for r in caplog.records if "without Twilio's signature" in r.getMessage()]
    assert len(told) == 1


@pytest.mark.parametrize("path", ["/twilio/messages", "/twilio/status"])
@pytest.mark.parametrize(
    "headers",
    [{"X-Twilio-Signature": ""}, {"X-Twilio-Signature": "A" * 28}, {"Content-Type": "text/plain"}],
)
async def test_a_wrong_signature_is_403(rig, path, headers):
    fields = {"From": PERSON, "To": OURS, "MessageSid": SID, "MessageStatus": "delivered"}
    assert await rig.twilio.call_form(path, fields, headers=headers) == 403
    assert not rig.reception.messages
    assert not rig.reception.receipts


async def test_the_signature_of_another_address_is_403():
    async with Rig(signed_for="https://other.example.com") as rig:
        assert await rig.twilio.write(PERSON, OURS, "hi") == 403


async def test_a_receipts_signature_does_not_do_for_a_message(rig):
    fields = {"From": PERSON, "To": OURS, "MessageSid": SID, "Body": "forged"}
    headers = {
        "X-Twilio-Signature": rig.twilio._validator.compute_signature(
            f"{PUBLIC}/twilio/status", fields
        )
    }
    assert await rig.twilio.call_form("/twilio/messages", fields, headers=headers) == 403


async def test_another_account_is_403(rig):
    status = await rig.twilio.write(PERSON, OURS, "hi", AccountSid="AC" + "f" * 32)
    assert status == 403


async def test_a_giant_body_is_413(rig):
    assert await rig.twilio.write(PERSON, OURS, "a" * (BODY_MOST + 1)) == 413


async def test_too_many_fields_are_400(rig):
    fields = {f"f{i}": "x" for i in range(300)}
    assert await rig.twilio.call_form("/twilio/messages", fields) == 400


@pytest.mark.parametrize(
    "fields",
    [
        {"From": ""},
        {"To": ""},
        {"MessageSid": "x", "SmsMessageSid": ""},
        {"From": "fax:+1"},
        {"NumMedia": "many"},
        {"NumMedia": "²"},
    ],
)
async def test_what_cannot_be_read_is_400(rig, fields):
    values = {"From": PERSON, "To": OURS, "Body": "x", "MessageSid": SID} | fields
    assert await rig.twilio.call_form("/twilio/messages", values) == 400
    assert not rig.reception.messages


@pytest.mark.parametrize("told", [[], "text", None, 5])
async def test_json_that_is_no_object_is_400(rig, told):
    assert await rig.twilio.call_json("/twilio/messages", told) == 400


async def test_while_the_store_cannot_write_twilio_is_told_to_come_back(rig):
    rig.reception.is_broken = True
    assert await rig.twilio.write(PERSON, OURS, "hi") == 503


@pytest.mark.parametrize(
    ("body", "word"), [("STOP", Keyword.STOP), ("start", Keyword.START), ("Help!", Keyword.HELP)]
)
async def test_keywords_never_become_messages(rig, body, word):
    await rig.twilio.write(PERSON, OURS, body)
    await rig.twilio.write(f"whatsapp:{PERSON}", f"whatsapp:{OURS}", body)
    assert rig.reception.keywords == [
        (PERSON, word, KeywordAnswer.PROVIDERS),
        (PERSON, word, KeywordAnswer.OURS),
    ]
    assert not rig.reception.messages


async def test_yes_is_a_keyword_only_after_stop(rig):
    await rig.twilio.write(PERSON, OURS, "Yes")
    assert [m.text for m in rig.reception.messages] == ["Yes"]
    rig.reception.opted_out.add(PERSON)
    await rig.twilio.write(PERSON, OURS, "Yes")
    assert rig.reception.keywords == [(PERSON, Keyword.START, KeywordAnswer.PROVIDERS)]


async def test_advanced_opt_out_decides_in_any_language(rig):
    await rig.twilio.write(f"whatsapp:{PERSON}", f"whatsapp:{OURS}", "ARRET", OptOutType="STOP")
    assert rig.reception.keywords == [(PERSON, Keyword.STOP, KeywordAnswer.PROVIDERS)]


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ("queued", MessageStatus.SENT),
        ("delivered", MessageStatus.DELIVERED),
        ("read", MessageStatus.READ),
        ("undelivered", MessageStatus.FAILED),
    ],
)
async def test_a_receipt_is_handed_over_with_our_id(rig, told, status):
    fields = {
        "AccountSid": ACCOUNT_SID,
        "MessageSid": SID,
        "MessageStatus": told,
        "ErrorCode": "30003",
    }
    assert await rig.twilio.call_form("/twilio/status?message_id=m%201%2F%C3%A4", fields) == 204
    (receipt,) = rig.reception.receipts
    assert (receipt.provider_id, receipt.status, receipt.message_id) == (SID, status, "m 1/ä")
    assert receipt.error_code == "30003"


async def test_a_status_that_is_not_known_moves_nothing(rig):
    fields = {"MessageSid": SID, "MessageStatus": "teleported"}
    assert await rig.twilio.call_form("/twilio/status", fields) == 204
    assert not rig.reception.receipts


@pytest.mark.parametrize(("trusted", "status"), [(("127.0.0.0/8",), 200), ((), 403)])
async def test_behind_a_proxy_the_public_address_is_believed_if_the_proxy_is(trusted, status):
    async with Rig(public_url="", trusted=trusted) as rig:
        fields = {"From": PERSON, "To": OURS, "Body": "x", "MessageSid": SID}
        headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "voice.example.com"}
        assert await rig.twilio.call_form("/twilio/messages", fields, headers=headers) == status
