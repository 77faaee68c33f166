"""A whole conversation by mail: posted in, answered through a mail server, in one thread and one room."""

import asyncio
import email
import time
from email import policy

from aiohttp import ClientSession

from gateway.channels.webhook_signature import key_of, sign
from gateway.config.channels import SmtpSecurity
from gateway.store.schema import rooms
from gateway.store.schema_messages import messages
from tests.support.smtp_stand_in import SmtpStandIn
from tests.support.text_rig import TextRig
from tests.unit.channels.test_mail_parse import mail, report

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


async def post(rig, raw):
    headers = sign(key_of(SECRET), f"w{hash(raw)}", raw, at=time.time())
    async with (
        ClientSession() as client,
        client.post(f"{rig.twilio.gateway_url}/hooks/mail", data=raw, headers=headers) as answer,
    ):
        assert answer.status == 200, await answer.text()
        return (await answer.json())["taken_as"]


async def answered(server, count):
    async with asyncio.timeout(15):
        while len(server.mails) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    raw = server.mails[count - 1].data.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
    return email.message_from_bytes(raw, policy=policy.default)


async def status(rig, wanted):
    async with asyncio.timeout(15):
        while True:
            rows = await rig.store.read(lambda c: c.execute(messages.select()).all())
            if any(row.status == wanted for row in rows):
                return rows
            await asyncio.sleep(0.02)


async def test_a_conversation_by_mail(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    async with SmtpStandIn() as server:
        section = {
            "host": "127.0.0.1",
            "port": server.port,
            "security": SmtpSecurity.NONE,
            "from_address": "desk@example.org",
        }
        channels = {"webhook": {"secret_file": secret}, "email": section}
        async with TextRig(tmp_path / "data", {"channels": channels}) as rig:
            assert await post(rig, mail("Are you open?").as_bytes()) == "message"
            assert await post(rig, mail("Are you open?").as_bytes()) == "message"
            first = await answered(server, 1)
            assert first["To"] == "ann@example.com"
            assert first["In-Reply-To"] == "<1@example.com>"
            assert first["Subject"] == "Re: Opening hours"
            assert "Are you open?" in first.get_content()

            text = f"And on Sunday?\n\nOn Monday, Desk wrote:\n> {first.get_content()}"
            second = mail(
                text,
                Message_ID="<2@example.com>",
                In_Reply_To=first["Message-ID"],
                Subject=first["Subject"],
            )
            assert await post(rig, second.as_bytes()) == "message"
            reply = await answered(server, 2)
            assert reply["In-Reply-To"] == "<2@example.com>"
            assert "And on Sunday?" in reply.get_content()
            assert "Opening hours" not in reply.get_content()
            assert len(await rig.store.read(lambda c: c.execute(rooms.select()).all())) == 1

            automatic = mail("I am away", Message_ID="<3@x>", Auto_Submitted="auto-replied")
            assert await post(rig, automatic.as_bytes()) == "automatic"
            bounced = report(ours=str(reply["Message-ID"]))
            assert await post(rig, bounced) == "bounce"
            rows = await status(rig, "failed")
            assert [row.error_code for row in rows if row.status == "failed"] == ["smtp_5.1.1"]
            assert len(server.mails) == 2
