"""Tests of gateway/channels/twilio against a server that refuses and breaks as Twilio does."""

import asyncio
import time

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from gateway.channels.twilio.transport import TwilioTransport
from gateway.config.twilio import TwilioSection
from gateway.model.messages import (
    CanFind,
    Channel,
    Media,
    OutboundMessage,
    SendFailed,
    Template,
    Transport,
)
from tests.support.twilio_stand_in import ACCOUNT_SID, AUTH_TOKEN, Outage, TwilioStandIn

PUBLIC = "https://voice.example.com"
TO = "+15550100001"
FROM = "+15550100002"


@pytest.fixture
async def twilio():
    async with TwilioStandIn(public_url=PUBLIC) as stand_in:
        yield stand_in


@pytest.fixture
async def transport(twilio, tmp_path):
    made = TwilioTransport(section(twilio, tmp_path), auth_token=AUTH_TOKEN)
    yield made
    await made.close()


def section(twilio, tmp_path, **more):
    return TwilioSection(
        account_sid=ACCOUNT_SID,
        auth_token_file=tmp_path / "token",
        api_url=twilio.url,
        public_url=PUBLIC,
        **more,
    )


def message(text="Hello 👋 & welcome", **more):
    values = {
        "message_id": "m 1/ä",
        "room_id": "r",
        "channel": Channel.SMS,
        "sender": FROM,
        "recipient": TO,
        "text": text,
        "cause": "c",
        **more,
    }
    return OutboundMessage(**values)


async def test_it_is_what_the_outbox_wants(transport):
    assert isinstance(transport, CanFind)
    seam: Transport = transport
    assert seam.provider == "twilio"
    assert seam.capabilities(Channel.SMS).text_limit == 1600
    assert seam.capabilities(Channel.EMAIL) is None


async def test_a_text_arrives_as_the_official_client_would_send_it(transport, twilio):
    accepted = await transport.send(
        message(media=(Media(url="https://x/y.png", content_type="image/png"),))
    )

    def by_client():
        client = Client(
            ACCOUNT_SID, AUTH_TOKEN, http_client=TwilioHttpClient(pool_connections=False)
        )
        client.api.base_url = twilio.url
        client.messages.create(
            to=TO,
            from_=FROM,
            body="Hello 👋 & welcome",
            media_url=["https://x/y.png"],
            status_callback=f"{PUBLIC}/twilio/status?message_id=m%201%2F%C3%A4",
        )

    await asyncio.to_thread(by_client)
    ours, theirs = twilio.taken
    assert accepted.provider_id == ours.sid
    assert ours.fields == theirs.fields
    assert ours.media_urls == theirs.media_urls


@pytest.mark.parametrize(
    ("channel", "prefix"),
    [(Channel.WHATSAPP, "whatsapp:"), (Channel.RCS, "rcs:"), (Channel.MESSENGER, "messenger:")],
)
async def test_other_channels_have_their_prefix(transport, twilio, channel, prefix):
    await transport.send(message(channel=channel))
    assert twilio.taken[0].fields["To"] == prefix + TO
    assert twilio.taken[0].fields["From"] == prefix + FROM


async def test_a_template_goes_without_text_and_files(transport, twilio):
    template = Template(content_sid="HX" + "a" * 32, variables={"1": "Zoë"})
    media = (Media(url="https://x", content_type="image/png"),)
    await transport.send(message(channel=Channel.WHATSAPP, template=template, media=media))
    fields = twilio.taken[0].fields
    assert fields["ContentVariables"] == '{"1": "Zoë"}'
    assert "Body" not in fields
    assert not twilio.taken[0].media_urls


async def test_a_messaging_service_may_choose_the_sender(twilio, tmp_path):
    sid = "MG" + "a" * 32
    made = TwilioTransport(
        section(twilio, tmp_path, messaging_service_sid=sid), auth_token=AUTH_TOKEN
    )
    await made.send(message(sender=""))
    assert twilio.taken[0].fields["MessagingServiceSid"] == sid
    assert "From" not in twilio.taken[0].fields
    assert await made.find(message(sender=""), since=time.time() - 5) is not None
    await made.close()


@pytest.mark.parametrize(
    ("outage", "is_unknown", "code", "taken"),
    [
        (Outage.REFUSES, False, "http_503", 0),
        (Outage.LIMITS, False, "20429", 0),
        (Outage.BREAKS_BEFORE, True, "connection", 0),
        (Outage.BREAKS_AFTER, True, "connection", 1),
        (Outage.SERVER_ERROR_AFTER, True, "20500", 1),
        (Outage.GARBAGE_AFTER, True, "http_502", 1),
        (Outage.HANGS, True, "timeout", 1),
    ],
)
async def test_an_outage_is_told_for_what_it_is(twilio, tmp_path, outage, is_unknown, code, taken):
    made = TwilioTransport(section(twilio, tmp_path, timeout_s=1), auth_token=AUTH_TOKEN)
    twilio.outages.append(outage)
    with pytest.raises(SendFailed) as caught:
        await made.send(message())
    assert caught.value.may_retry
    assert (caught.value.is_unknown, caught.value.code) == (is_unknown, code)
    assert caught.value.retry_after_s == (7.0 if outage is Outage.REFUSES else None)
    found = await made.find(message(), since=time.time() - 1)
    assert (found is not None) == (taken == 1) == bool(twilio.taken)
    await made.close()


async def test_nobody_there_is_surely_not_taken(tmp_path, twilio):
    values = section(twilio, tmp_path).model_copy(update={"api_url": "http://127.0.0.1:1"})
    made = TwilioTransport(values, auth_token=AUTH_TOKEN)
    with pytest.raises(SendFailed) as caught:
        await made.send(message())
    assert (caught.value.code, caught.value.may_retry, caught.value.is_unknown) == (
        "unreachable",
        True,
        False,
    )
    await made.close()


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (21610, 400),
        (21211, 400),
        (21614, 400),
        (21408, 403),
        (21612, 400),
        (63007, 400),
        (20003, 401),
    ],
)
async def test_a_refusal_keeps_twilios_code_as_its_own_client_reads_it(
    transport, twilio, code, status
):
    twilio.refusals[TO] = (status, code)
    with pytest.raises(SendFailed) as caught:
        await transport.send(message())
    assert (caught.value.code, caught.value.may_retry) == (str(code), False)

    def by_client():
        client = Client(
            ACCOUNT_SID, AUTH_TOKEN, http_client=TwilioHttpClient(pool_connections=False)
        )
        client.api.base_url = twilio.url
        client.messages.create(to=TO, from_=FROM, body="x")

    with pytest.raises(TwilioRestException) as theirs:
        await asyncio.to_thread(by_client)
    assert theirs.value.code == code


async def test_a_wrong_token_is_20003(twilio, tmp_path):
    made = TwilioTransport(section(twilio, tmp_path), auth_token="wrong")
    with pytest.raises(SendFailed, match="20003"):
        await made.send(message())
    await made.close()


async def test_too_long_a_text_is_refused_and_not_sent_again(transport):
    with pytest.raises(SendFailed, match="21617") as caught:
        await transport.send(message("👍" * 801))
    assert not caught.value.may_retry


async def test_only_the_message_itself_is_found(transport, twilio):
    since = time.time()
    twilio.page_most = 2
    for text in ("one", "two", "three", "four", "five"):
        await transport.send(message(text))
    await transport.send(message("one", recipient="+15550100009"))
    found = await transport.find(message("two"), since=since)
    assert found is not None
    assert found.provider_id == twilio.taken[1].sid
    assert await transport.find(message("six"), since=since) is None
    assert await transport.find(message("two", sender="+15550100007"), since=since) is None


@pytest.mark.parametrize("templates", [{}, {"2": "HX" + "a" * 32}])
async def test_choices_are_found_however_they_were_sent(twilio, tmp_path, templates):
    since = time.time()
    made = TwilioTransport(
        section(twilio, tmp_path, button_templates=templates), auth_token=AUTH_TOKEN
    )
    asked = message("Which?", channel=Channel.WHATSAPP, buttons=("This one", "That one"))
    sent = await made.send(asked)
    assert await made.find(asked, since=since) == sent
    await made.close()


async def test_a_trial_accounts_prefix_hides_nothing(transport, twilio):
    since = time.time()
    await transport.send(message("Hello"))
    twilio.taken[0].fields["Body"] = "Sent from your Twilio trial account - Hello"
    assert await transport.find(message("Hello"), since=since) is not None
    assert await transport.find(message("Hell"), since=since) is None


async def test_an_older_one_with_the_same_words_is_not_it(transport, twilio):
    await transport.send(message())
    twilio.taken[0].created_at -= 60
    assert await transport.find(message(), since=time.time()) is None


async def test_a_clock_of_ours_that_runs_ahead_hides_nothing(twilio, tmp_path):
    made = TwilioTransport(
        section(twilio, tmp_path), auth_token=AUTH_TOKEN, clock=lambda: time.time() + 90
    )
    since = time.time() + 90
    await made.send(message())
    assert await made.find(message(), since=since) is not None
    await made.close()


async def test_a_list_that_cannot_be_had_is_no_answer(twilio, tmp_path):
    made = TwilioTransport(section(twilio, tmp_path), auth_token="wrong")
    with pytest.raises(SendFailed):
        await made.find(message(), since=0)
    await made.close()


async def test_our_credentials_go_nowhere_else(transport, twilio):
    for text in ("x", "y"):
        await transport.send(message(text))
    twilio.page_most = 1
    twilio.next_page_host = "https://evil.example"
    with pytest.raises(SendFailed, match="elsewhere"):
        await transport.find(message("x"), since=0)
