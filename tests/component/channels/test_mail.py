"""Mail that comes in: read from a whole IMAP server, and posted by a program; once each, and never from machines."""

import asyncio
import socket
import sys
import threading
from contextlib import suppress
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from imapclient import IMAPClient
from prometheus_client import CollectorRegistry

from gateway.channels.imap_mailbox import ImapMailbox
from gateway.channels.keywords import Keyword
from gateway.channels.mail_intake import MailIntake, Taken
from gateway.channels.media_folder import MediaFolder
from gateway.channels.webhook_signature import is_genuine, key_of, sign
from gateway.config.channels import ImapSection, SmtpSecurity
from gateway.errors import StoreError
from gateway.http.hooks import ProgramHooks
from gateway.http.server import build_app
from gateway.model.messages import MessageStatus
from tests.support.fake_http_ports import FakeGateway
from tests.support.fake_reception import FakeReception
from tests.unit.channels.test_mail_parse import mail, report

KEY = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
NOW = 1_700_000_000.0
BOX = ("demouser", "demopass")


@pytest.fixture
def reception():
    return FakeReception()


@pytest.fixture
def intake(reception, tmp_path):
    return MailIntake(
        reception,
        MediaFolder(tmp_path),
        our_address="desk@example.org",
        is_ours={"sales@example.org"}.__contains__,
        clock=lambda: NOW,
    )


# What is taken ----------------------------------------------------------------------------------------


async def test_a_mail_becomes_a_message_with_its_files(intake, reception):
    made = mail("Are you open?", To="Sales <sales@example.org>")
    made.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="a.pdf")
    assert await intake.take(made.as_bytes()) is Taken.MESSAGE
    assert await intake.take(made.as_bytes()) is Taken.MESSAGE
    (message,) = reception.messages
    assert message.text == "Opening hours\n\nAre you open?"
    assert (message.sender, message.recipient) == ("ann@example.com", "sales@example.org")
    assert message.provider_id == "<1@example.com>"
    assert message.media[0].url.startswith("spool:")


@pytest.mark.parametrize(
    ("made", "taken"),
    [
        (mail(Auto_Submitted="auto-replied"), Taken.AUTOMATIC),
        (mail(sender="postmaster@example.com"), Taken.AUTOMATIC),
        (mail(sender="desk@example.org"), Taken.OWN),
        (mail(sender="Sales@example.org"), Taken.OWN),
    ],
)
async def test_machines_and_we_ourselves_are_never_answered(intake, reception, made, taken):
    assert await intake.take(made.as_bytes()) is taken
    assert not reception.messages


async def test_a_bounce_is_the_receipt_of_our_message(intake, reception):
    assert await intake.take(report()) is Taken.BOUNCE
    assert await intake.take(report("delayed", "4.4.1")) is Taken.BOUNCE
    (receipt,) = reception.receipts
    assert (receipt.message_id, receipt.status) == ("m_abc123", MessageStatus.FAILED)
    assert receipt.error_code == "smtp_5.1.1"
    assert not reception.messages


async def test_stop_by_mail_is_a_keyword(intake, reception):
    assert await intake.take(mail("Stop.\n\n-- \nAnn").as_bytes()) is Taken.MESSAGE
    assert [word for _, word, _ in reception.keywords] == [Keyword.STOP]


async def test_a_forged_sender_is_left_out_where_the_server_checks(reception, tmp_path):
    intake = MailIntake(
        reception, MediaFolder(tmp_path), our_address="desk@example.org", authserv_id="mx.e.org"
    )
    assert await intake.take(mail().as_bytes()) is Taken.FORGED
    good = mail(Authentication_Results="mx.e.org; dmarc=pass header.from=example.com")
    assert await intake.take(good.as_bytes()) is Taken.MESSAGE


# A program posts whole mails --------------------------------------------------------------------------


async def post(client, raw, *, key=KEY, sends_signature=True):
    headers = sign(key, "w1", raw, at=NOW) if sends_signature else {}
    async with client.post("/hooks/mail", data=raw, headers=headers) as answer:
        return answer.status


def an_app():
    gateway = FakeGateway()
    return build_app(
        token="t" * 32,
        live=gateway,
        readiness=gateway,
        archive=gateway,
        registry=CollectorRegistry(),
    )


async def test_a_program_posts_a_mail(intake, reception):
    app = an_app()
    hooks = ProgramHooks(reception, [KEY], mail=intake, mail_most=300_000, clock=lambda: NOW)
    hooks.add_routes(app)
    async with TestClient(TestServer(app)) as client:
        large = mail("x" * 50 + "\n" + "y" * 60 + "\n" + ("z" * 70 + "\n") * 3_000)
        assert len(large.as_bytes()) > 200_000
        assert await post(client, large.as_bytes()) == 200
        assert await post(client, large.as_bytes()) == 200
        assert len(reception.messages) == 1
        assert await post(client, b"x" * 400_000) == 413
        assert await post(client, large.as_bytes(), sends_signature=False) == 403
        assert await post(client, large.as_bytes(), key=key_of("whsec_" + "A" * 32)) == 403
        reception.is_broken = True
        assert await post(client, mail(Message_ID="<2@x>").as_bytes()) == 503


async def test_a_large_mails_signature_is_checked_off_the_loop(intake, monkeypatch):
    threads = []

    def checked(keys, headers, body, *, at):
        threads.append((len(body) > 256 * 1024, threading.current_thread()))
        return is_genuine(keys, headers, body, at=at)

    monkeypatch.setattr("gateway.http.hooks.is_genuine", checked)
    app = an_app()
    hooks = ProgramHooks(FakeReception(), [KEY], mail=intake, mail_most=2**20, clock=lambda: NOW)
    hooks.add_routes(app)
    async with TestClient(TestServer(app)) as client:
        assert await post(client, mail("short").as_bytes()) == 200
        assert await post(client, mail(("z" * 70 + "\n") * 6_000).as_bytes()) == 200
        assert await post(client, b"x" * 500_000, key=b"w" * 32) == 403
    here = threading.current_thread()
    assert [(is_large, thread is here) for is_large, thread in threads] == [
        (False, True),
        (True, False),
        (True, False),
    ]


# A mailbox --------------------------------------------------------------------------------------------


class MailServer:
    """pymap, an IMAP server of its own, in a process; mail is put in by APPEND."""

    def __init__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = None

    async def start(self):
        self.process = await asyncio.create_subprocess_exec(
            *(Path(sys.executable).with_name("pymap"), "--host", "127.0.0.1"),
            *("--port", str(self.port), "--no-tls"),
            *("dict", "--demo-user", BOX[0], "--demo-password", BOX[1]),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(20):
            while True:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return
                await asyncio.sleep(0.05)

    async def stop(self):
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    def section(self, **more):
        values = {
            "host": "127.0.0.1",
            "port": self.port,
            "security": SmtpSecurity.NONE,
            "username": BOX[0],
            "password_file": "x",
            **more,
        }
        return ImapSection(**values)

    async def put(self, *mails, at=None):
        def work():
            with IMAPClient("127.0.0.1", port=self.port, ssl=False) as client:
                client.login(*BOX)
                for one in mails:
                    raw = one.as_bytes() if isinstance(one, EmailMessage) else one
                    client.append("INBOX", raw, msg_time=at)

        await asyncio.to_thread(work)

    async def unseen(self):
        def work():
            with IMAPClient("127.0.0.1", port=self.port, ssl=False) as client:
                client.login(*BOX)
                client.select_folder("INBOX", readonly=True)
                return len(client.search(["UNSEEN"]))

        return await asyncio.to_thread(work)


@pytest.fixture
async def server():
    made = MailServer()
    await made.start()
    yield made
    await made.stop()


class Reading:
    """A mailbox that is read while this lasts."""

    def __init__(self, server, take, **more):
        self.box = ImapMailbox(server.section(**more), take, password=BOX[1], retry_s=0.1)

    async def __aenter__(self):
        self.task = asyncio.create_task(self.box.run())
        return self.box

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def until(condition, limit_s=20):
    async with asyncio.timeout(limit_s):
        while not (  # noqa: ASYNC110
            await condition() if asyncio.iscoroutinefunction(condition) else condition()
        ):
            await asyncio.sleep(0.05)


def numbered(number, **headers):
    return mail(f"text {number}", Message_ID=f"<{number}@example.com>", **headers)


async def test_new_mail_is_read_in_order_and_marked_when_it_is_safe(server, intake, reception):
    await server.put(numbered(1), numbered(2), numbered(3, Auto_Submitted="auto-replied"))

    async def all_seen():
        return await server.unseen() == 0

    async with Reading(server, intake.take, poll_s=1.0):
        await until(all_seen)
        assert [m.provider_id for m in reception.messages] == ["<1@example.com>", "<2@example.com>"]
        await server.put(numbered(4))
        await until(lambda: len(reception.messages) == 3)
    await until(all_seen)


async def test_old_mail_is_left_alone_unseen(server, intake, reception):
    await server.put(numbered(1), at=datetime.now() - timedelta(days=9))
    await server.put(numbered(2), at=datetime.now() - timedelta(days=6))
    await server.put(numbered(3))
    async with Reading(server, intake.take, poll_s=1.0):
        await until(lambda: len(reception.messages) == 2)
        await asyncio.sleep(1.5)
    assert [m.provider_id for m in reception.messages] == ["<2@example.com>", "<3@example.com>"]
    assert await server.unseen() == 1
    async with Reading(server, intake.take, poll_s=1.0, max_age_days=30):
        await until(lambda: len(reception.messages) == 3)


async def test_idle_tells_of_mail_long_before_a_poll(server, intake, reception):
    async with Reading(server, intake.take, poll_s=600.0):
        await asyncio.sleep(1.0)
        await server.put(numbered(1))
        await until(lambda: len(reception.messages) == 1)


async def test_a_mail_that_cannot_be_kept_stays_unseen_and_comes_again(server, intake, reception):
    reception.is_broken = True
    await server.put(numbered(1))
    async with Reading(server, intake.take, poll_s=1.0) as box:
        await until(lambda: "disk is full" in box.trouble)
        assert await server.unseen() == 1
        reception.is_broken = False
        await until(lambda: len(reception.messages) == 1)


async def test_a_life_that_ended_before_the_mark_takes_the_mail_once(server, intake, reception):
    class Killed(StoreError):
        """The process dies here."""

    async def take(raw):
        await intake.take(raw)
        raise Killed("now")

    await server.put(numbered(1))
    async with Reading(server, take, poll_s=1.0):
        await until(lambda: len(reception.messages) == 1)
    assert await server.unseen() == 1

    async def all_seen():
        return await server.unseen() == 0

    async with Reading(server, intake.take, poll_s=1.0):
        await until(all_seen)
    assert len(reception.messages) == 1


async def test_an_outage_is_waited_out(server, intake, reception):
    await server.stop()
    async with Reading(server, intake.take, poll_s=1.0) as box:
        await until(lambda: bool(box.trouble))
        await server.start()
        await server.put(numbered(1))
        await until(lambda: len(reception.messages) == 1)
        assert box.trouble == ""


async def test_a_wrong_password_is_told_and_hurts_nothing_else(server, intake):
    box = ImapMailbox(server.section(), intake.take, password="wrong", retry_s=0.1)
    task = asyncio.create_task(box.run())
    await until(lambda: bool(box.trouble))
    assert "wrong" not in box.trouble
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_server_that_hangs_does_not_hold_up_the_end(intake):
    async def hang(reader, writer):
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    section = ImapSection(
        host="127.0.0.1",
        port=port,
        security=SmtpSecurity.NONE,
        username="a",
        password_file="x",
        timeout_s=1.0,
    )
    task = asyncio.create_task(ImapMailbox(section, intake.take, password="p").run())
    await asyncio.sleep(0.2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(1.5)
    server.close()
