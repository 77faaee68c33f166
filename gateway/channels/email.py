"""Sends e-mail through a mail server: RFC 5321, RFC 5322, submission by RFC 6409."""

import asyncio
import re
import smtplib
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email import policy
from email.message import EmailMessage
from email.utils import formataddr, formatdate

from gateway.config.channels import EmailSection, SmtpSecurity
from gateway.model.messages import (
    Accepted,
    Channel,
    ChannelCapabilities,
    OutboundMessage,
    SendFailed,
)

PROVIDER = "email"
TEXT_LIMIT = 100_000
MAILS_AT_ONCE = 16
"""As many as the outbox hands to one provider."""
VERDICT_S = 120.0
"""How long a server may look into a text before it says whether it takes it: RFC 5321 section 4.5.3.2 has minutes."""
STEPS_MOST = 12
"""Answers that are waited for before: greeting, EHLO, STARTTLS, EHLO, AUTH and its steps, MAIL, RCPT."""
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}>")
_ADDRESS = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+")


class EmailTransport:
    """A `Transport` that `TakesLong`; close it. One connection for each message, in a thread, bounded in time."""

    def __init__(
        self,
        section: EmailSection,
        *,
        password: str = "",
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.time,
        verdict_s: float = VERDICT_S,
    ) -> None:
        self._section = section
        self._password = password
        self._tls = tls or ssl.create_default_context()
        self._clock = clock
        self._verdict_s = max(verdict_s, section.timeout_s)
        # Of its own: a mail server that hangs must not keep those of the loop from looking up names and writing files.
        self._threads = ThreadPoolExecutor(MAILS_AT_ONCE, thread_name_prefix="smtp")

    @property
    def provider(self) -> str:
        return PROVIDER

    def capabilities(self, channel: Channel) -> ChannelCapabilities | None:
        """Return what a mail carries; files go as links."""
        return ChannelCapabilities(text_limit=TEXT_LIMIT) if channel is Channel.EMAIL else None

    @property
    def send_bound_s(self) -> float:
        return STEPS_MOST * self._section.timeout_s + 2 * self._verdict_s

    async def send(self, message: OutboundMessage) -> Accepted:
        """Hand one mail to the server. Raises `SendFailed`; 4xx is tried again, 5xx is not."""
        if not (_ADDRESS.fullmatch(message.recipient) and message.recipient.isascii()):
            raise SendFailed("bad_address", "the recipient is no e-mail address", may_retry=False)
        mail = self._mail(message)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, self._deliver, mail, message.recipient)
        return Accepted(provider_id=mail["Message-ID"])

    async def close(self) -> None:
        """Begin nothing more; what a thread is about ends within its time."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _mail(self, message: OutboundMessage) -> EmailMessage:
        section = self._section
        sender = message.sender if _ADDRESS.fullmatch(message.sender) else section.from_address
        domain = section.from_address.rpartition("@")[2]
        # Not every server takes bytes above 127, and the lines of SMTP end with CR LF.
        mail = EmailMessage(policy=policy.SMTP.clone(cte_type="7bit"))
        mail["From"] = formataddr((section.from_name, sender))
        mail["To"] = message.recipient
        mail["Subject"] = _subject(message) or section.subject
        mail["Date"] = formatdate(self._clock(), localtime=False)
        # The same for each attempt: many servers and programs leave out what they have seen.
        mail["Message-ID"] = f"<{_token(message.message_id)}@{domain}>"
        # One thread for each room, and within it the mail that is answered.
        references = f"<room-{_token(message.room_id)}@{domain}>"
        if _MESSAGE_ID.fullmatch(message.reply_to):
            mail["In-Reply-To"] = message.reply_to
            references += f" {message.reply_to}"
        mail["References"] = references
        # RFC 3834: nobody's vacation notice answers a machine.
        mail["Auto-Submitted"] = "auto-replied" if "In-Reply-To" in mail else "auto-generated"
        links = "".join(f"\n{media.url}" for media in message.media)
        text = message.text + ("\n" + links if links else "")
        mail.set_content(text.encode("utf-8", "replace").decode())
        return mail

    def _deliver(self, mail: EmailMessage, recipient: str) -> None:
        """Talk to the server; in a thread. Only a break after the text was handed over is unknown."""
        try:
            server = self._connect()
        except smtplib.SMTPAuthenticationError as error:
            raise _refused("smtp_auth", error) from error
        except smtplib.SMTPResponseException as error:
            raise _refused("smtp", error) from error
        except (smtplib.SMTPException, OSError) as error:
            raise SendFailed("unreachable", str(error), may_retry=True) from error
        try:
            self._hand_over(server, mail, recipient)
        finally:
            server.close()

    def _connect(self) -> smtplib.SMTP:
        section = self._section
        if section.security is SmtpSecurity.TLS:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                section.host, section.port, timeout=section.timeout_s, context=self._tls
            )
        else:
            server = smtplib.SMTP(section.host, section.port, timeout=section.timeout_s)
        try:
            if section.security is SmtpSecurity.STARTTLS:
                server.starttls(context=self._tls)
            if section.username:
                server.login(section.username, self._password)
        except BaseException:
            server.close()
            raise
        return server

    def _hand_over(self, server: smtplib.SMTP, mail: EmailMessage, recipient: str) -> None:
        is_handed_over = False
        try:
            server.ehlo_or_helo_if_needed()
            _expect(server.mail(_bare(mail["From"])))
            _expect(server.rcpt(recipient))
            is_handed_over = True
            if server.sock is not None:
                server.sock.settimeout(self._verdict_s)
            _expect(server.data(mail.as_bytes()))
        except smtplib.SMTPResponseException as error:
            raise _refused("smtp", error) from error
        except (smtplib.SMTPException, OSError) as error:
            raise SendFailed(
                "connection", str(error), may_retry=True, is_unknown=is_handed_over
            ) from error


def _subject(message: OutboundMessage) -> str:
    subject = " ".join(message.subject.split())
    if not subject or not subject.isprintable():
        return ""
    return f"Re: {subject}" if message.reply_to else subject


def _expect(answer: tuple[int, bytes]) -> None:
    if not 200 <= answer[0] < 300:
        raise smtplib.SMTPResponseException(answer[0], answer[1])


def _refused(what: str, error: smtplib.SMTPResponseException) -> SendFailed:
    words = error.smtp_error
    detail = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    is_later = 400 <= error.smtp_code < 500
    return SendFailed(f"{what}_{error.smtp_code}", detail[:300], may_retry=is_later)


def _bare(header: str) -> str:
    match = _ADDRESS.search(str(header))
    return match[0] if match else ""


def _token(text: str) -> str:
    """Return an id as a dot-atom of RFC 5322."""
    return re.sub(r"[^A-Za-z0-9_-]", lambda match: f"={ord(match[0]):x}", text)
