"""Tests of gateway/channels/email.py against a mail server on loopback."""

import asyncio
import email
import socket
from email import policy

import pytest

from gateway.channels.email import EmailTransport
from gateway.config.channels import EmailSection, SmtpSecurity
from gateway.model.messages import Channel, Media, OutboundMessage, SendFailed, TakesLong
from tests.support.smtp_stand_in import SmtpStandIn


@pytest.fixture
async def server():
    async with SmtpStandIn() as stand_in:
        yield stand_in


def transport(port, **more):
    values = {
        "host": "127.0.0.1",
        "port": port,
        "security": SmtpSecurity.NONE,
        "from_address": "desk@example.com",
        "from_name": "Empfang Müller",
        "timeout_s": 1,
        **more,
    }
    return EmailTransport(EmailSection(**values), clock=lambda: 0.0)


def message(**more):
    values = {
        "message_id": "m:1",
        "room_id": "r 1",
        "channel": Channel.EMAIL,
        "sender": "+15550100002",
        "recipient": "zoe@example.org",
        "text": "Grüße 👋\n.\nbye",
        "cause": "c",
        **more,
    }
    return OutboundMessage(**values)


async def test_a_mail_arrives_whole(server):
    media = (Media(url="https://example.com/a.pdf", content_type="application/pdf"),)
    accepted = await transport(server.port).send(message(media=media))
    (mail,) = server.mails
    assert (mail.sender, mail.recipient) == ("desk@example.com", "zoe@example.org")
    assert mail.data.isascii()
    raw = mail.data.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
    parsed = email.message_from_bytes(raw, policy=policy.default)
    lines = parsed.get_content().splitlines()
    assert lines == ["Grüße 👋", ".", "bye", "", "https://example.com/a.pdf"]
    assert parsed["From"].addresses[0].display_name == "Empfang Müller"
    assert parsed["Message-ID"] == accepted.provider_id == "<m=3a1@example.com>"
    assert parsed["References"] == "<room-r=201@example.com>"
    assert parsed["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    ("verb", "answer", "may_retry"),
    [
        ("RCPT", "550 no such user", False),
        ("RCPT", "450 greylisted", True),
        ("MAIL", "552 too much", False),
        ("DATA", "451 later", True),
        ("DATA.", "554 spam", False),
        ("", "421 busy", True),
    ],
)
async def test_what_the_server_says_decides(server, verb, answer, may_retry):
    server.answers[verb] = answer
    with pytest.raises(SendFailed) as caught:
        await transport(server.port).send(message())
    failure = caught.value
    assert (failure.may_retry, failure.is_unknown) == (may_retry, False)
    assert failure.code == f"smtp_{answer[:3]}"
    assert not server.mails


@pytest.mark.parametrize(
    ("verb", "is_unknown"), [("MAIL", False), ("RCPT", False), ("DATA.", True)]
)
async def test_a_break_is_unknown_only_once_the_text_went_out(server, verb, is_unknown):
    server.breaks_at = verb
    with pytest.raises(SendFailed) as caught:
        await transport(server.port).send(message())
    assert (caught.value.may_retry, caught.value.is_unknown) == (True, is_unknown)


async def test_a_server_may_look_into_a_text_before_it_takes_it(server):
    server.delays_s["DATA."] = 1.5
    mailer = transport(server.port, timeout_s=1)
    assert isinstance(mailer, TakesLong)
    assert mailer.send_bound_s > 240
    assert await mailer.send(message())
    (_,) = server.mails
    server.delays_s = {"RCPT": 1.5}
    with pytest.raises(SendFailed) as caught:
        await mailer.send(message())
    assert (caught.value.may_retry, caught.value.is_unknown) == (True, False)
    await mailer.close()


async def test_a_mail_server_that_says_nothing_keeps_no_thread_of_others(server):
    # It lets in whoever comes, and never greets.
    silent = socket.create_server(("127.0.0.1", 0), backlog=32)
    port = silent.getsockname()[1]
    mailer = transport(port, timeout_s=3)
    sends = [asyncio.create_task(mailer.send(message())) for _ in range(16)]
    await asyncio.sleep(0.2)
    async with asyncio.timeout(1):
        # As names are looked up and files written.
        assert await asyncio.to_thread(lambda: 7) == 7
    for send in sends:
        send.cancel()
    await asyncio.gather(*sends, return_exceptions=True)
    await mailer.close()
    silent.close()


async def test_nobody_there(server):
    with pytest.raises(SendFailed, match="unreachable") as caught:
        await transport(1).send(message())
    assert caught.value.may_retry
    assert not caught.value.is_unknown


async def test_a_password_is_never_sent_in_the_clear(server, tmp_path):
    values = {"username": "u", "password_file": tmp_path / "p"}
    with pytest.raises(ValueError, match="in the clear"):
        transport(server.port, **values)
    with pytest.raises(SendFailed) as caught:
        await transport(server.port, security=SmtpSecurity.STARTTLS, **values).send(message())
    assert caught.value.may_retry  # the server offers no STARTTLS
    assert not server.mails


@pytest.mark.parametrize(
    "recipient", ["", "x", "a@b\r\nBcc: c@d", "a@b,c@d", "<a@b>", "zoë@example.org"]
)
async def test_what_is_no_address_is_refused(server, recipient):
    with pytest.raises(SendFailed, match="bad_address") as caught:
        await transport(server.port).send(message(recipient=recipient))
    assert not caught.value.may_retry


async def test_a_senders_own_address_is_used(server):
    await transport(server.port).send(message(sender="sales@example.com", text="\ud800x"))
    assert server.mails[0].sender == "sales@example.com"


async def test_an_answer_is_in_the_thread_of_the_mail_that_it_answers(server):
    asked = message(subject="Opening\r\nhours", reply_to="<1@example.com>")
    await transport(server.port).send(asked)
    await transport(server.port).send(message(reply_to="no id\r\nBcc: x@y.zz", subject="New\x00"))
    first, second = (email.message_from_bytes(item.data) for item in server.mails)
    assert first["In-Reply-To"] == "<1@example.com>"
    assert first["References"].split()[-1] == "<1@example.com>"
    assert (first["Subject"], first["Auto-Submitted"]) == ("Re: Opening hours", "auto-replied")
    assert second["In-Reply-To"] is None
    assert second["Bcc"] is None
