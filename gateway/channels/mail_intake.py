"""Takes a mail that came in, by whatever way: into the inbox on disk, once, and never answers a machine."""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Sequence
from enum import StrEnum

from gateway.channels import email
from gateway.channels.hand_over import hand_over
from gateway.channels.keywords import keyword
from gateway.channels.mail_parse import Bounce, ParsedMail, parse_mail
from gateway.channels.media_folder import MediaFolder
from gateway.channels.reception import Reception
from gateway.errors import StoreError
from gateway.model.messages import Channel, InboundMessage, Media, MessageStatus, Receipt

log = logging.getLogger(__name__)


class Taken(StrEnum):
    """What became of a mail; all of them are final."""

    MESSAGE = "message"
    BOUNCE = "bounce"
    """A report about a mail of ours: it counts as its receipt."""
    AUTOMATIC = "automatic"
    """A machine wrote it: left out."""
    OWN = "own"
    """We wrote it ourselves: left out."""
    FORGED = "forged"
    """The mail server does not vouch for its sender: left out."""
    UNREADABLE = "unreadable"


class MailIntake:
    """Reads mails and hands them over."""

    def __init__(
        self,
        reception: Reception,
        folder: MediaFolder,
        *,
        our_address: str,
        is_ours: Callable[[str], bool] = lambda _address: False,
        authserv_id: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`is_ours` tells addresses that the configuration routes; without one a mail is to `our_address`.

        `authserv_id` names the mail server whose `Authentication-Results` are believed; empty: senders are believed.
        """
        self._reception = reception
        self._folder = folder
        self._our_address = our_address.lower()
        self._is_ours = is_ours
        self._authserv_id = authserv_id
        self._clock = clock

    async def take(self, raw: bytes) -> Taken:
        """Take a mail; when this returns it is on the disk or needs not to be. Raises `StoreError`."""
        try:
            # In a thread: a large mail takes long to read.
            mail = await asyncio.to_thread(parse_mail, raw)
        except ValueError as error:
            log.warning("a mail is left out", extra={"reason": str(error)})
            return Taken.UNREADABLE
        if mail.bounce is not None:
            if mail.bounce.is_final:
                await self._reception.receipt(self._receipt(mail.bounce))
            return Taken.BOUNCE
        taken = self._judge(mail)
        if taken is not Taken.MESSAGE:
            log.info("a mail is left out", extra={"reason": taken.value})
            return taken
        await hand_over(self._reception, await self._message(mail))
        return Taken.MESSAGE

    def _receipt(self, bounce: Bounce) -> Receipt:
        return Receipt(
            provider=email.PROVIDER,
            provider_id=bounce.mail_id,
            message_id=bounce.message_id,
            status=MessageStatus.FAILED,
            at=self._clock(),
            error_code=f"smtp_{bounce.status}",
        )

    def _judge(self, mail: ParsedMail) -> Taken:
        if mail.sender == self._our_address or self._is_ours(mail.sender):
            return Taken.OWN
        if mail.is_automatic:
            return Taken.AUTOMATIC
        if self._authserv_id and not is_authentic(mail.authentication, self._authserv_id):
            return Taken.FORGED
        return Taken.MESSAGE

    async def _message(self, mail: ParsedMail) -> InboundMessage:
        media = []
        for file in mail.files:
            try:
                url = await asyncio.to_thread(self._folder.spool, file.data)
            except OSError as error:
                # The mail stays where it is, and comes again.
                raise StoreError(f"cannot keep a mail's file: {error.strerror}") from error
            media.append(Media(url=url, content_type=file.content_type, size_bytes=len(file.data)))
        return InboundMessage(
            provider=email.PROVIDER,
            provider_id=mail.message_id,
            channel=Channel.EMAIL,
            sender=mail.sender,
            sender_name=mail.sender_name,
            recipient=self._recipient(mail.recipients),
            text=_said(mail),
            received_at=self._clock(),
            media=tuple(media),
            subject=mail.subject,
            reply_to=mail.reply_to,
        )

    def _recipient(self, recipients: Sequence[str]) -> str:
        if self._our_address in recipients:
            return self._our_address
        ours = (address for address in recipients if self._is_ours(address))
        return next(ours, self._our_address)


def _said(mail: ParsedMail) -> str:
    """Return what was said: of a new conversation the subject is often half of it, unless the text is a keyword."""
    if not mail.is_new or not mail.subject or keyword(mail.text) is not None:
        return mail.text
    return f"{mail.subject}\n\n{mail.text}".strip()


def is_authentic(results: str, authserv_id: str) -> bool:
    """Whether our mail server says that the sender is who it says (DMARC, RFC 8601 and RFC 7489).

    Only the topmost header of that server counts: whoever writes a mail can put in others below.
    """
    for line in results.split("\n"):
        server, _, rest = line.partition(";")
        if server.split()[:1] == [authserv_id]:
            return re.search(r"(?:^|;)\s*dmarc\s*=\s*pass\b", rest, re.IGNORECASE) is not None
    return False
