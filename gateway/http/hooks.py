"""Messages from the operator's own program and from Telegram: `/hooks/messages`, `/hooks/status`, `/hooks/mail`,
`/telegram/messages`.

Checked, written down, answered; processed after. The program signs as `gateway/channels/webhook_signature.py`
says and may also bring e-mail in; Telegram shows the secret that `setWebhook` was given.
"""

import asyncio
import hmac
import logging
import time
from collections.abc import Callable, Sequence
from typing import Annotated, Literal, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.channels import telegram, webhook
from gateway.channels.hand_over import hand_over
from gateway.channels.keywords import keyword
from gateway.channels.mail_intake import MailIntake
from gateway.channels.reception import Reception
from gateway.channels.webhook_signature import is_genuine
from gateway.http.errors import ApiError
from gateway.model.messages import Channel, InboundMessage, Media, MessageStatus, Receipt
from gateway.seldom import Seldom

log = logging.getLogger(__name__)

T = TypeVar("T", bound=BaseModel)

MAILS_AT_ONCE = 8
"""Whole mails that may be on their way in: whose they are is known only when all of one is in memory."""

MAIL_BOUND_S = 30.0
"""Longest that a whole mail may take to come."""

LOOKED_AT_HERE_MOST = 256 * 1024
"""Bytes; the signature of a larger body is checked in a thread, for it takes too long for the loop."""

_Address = Annotated[str, Field(min_length=1, max_length=255)]
_Id = Annotated[str, Field(min_length=1, max_length=128)]


class _Told(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class _File(_Told):
    url: Annotated[str, Field(max_length=2048, pattern="^https?://")]
    content_type: Annotated[str, Field(max_length=255)] = "application/octet-stream"


class _Message(_Told):
    """What the operator's program posts."""

    sender: _Address = Field(alias="from")
    recipient: _Address = Field(alias="to")
    text: Annotated[str, Field(max_length=32_768)] = ""
    name: Annotated[str, Field(max_length=255)] = ""
    channel: Literal["webhook", "email"] = "webhook"
    media: Annotated[tuple[_File, ...], Field(max_length=10)] = ()


class _Status(_Told):
    """How far a message of ours has come, by the operator's program."""

    message_id: _Id
    status: Literal["delivered", "read", "failed"]
    error_code: Annotated[str, Field(max_length=64)] = ""


class _Chat(_Told):
    id: int
    type: str = "private"


class _User(_Told):
    is_bot: bool = False
    first_name: Annotated[str, Field(max_length=255)] = ""


class _TelegramFile(_Told):
    """https://core.telegram.org/bots/api#document and its kin."""

    file_id: Annotated[str, Field(min_length=1, max_length=512)]
    mime_type: Annotated[str, Field(max_length=255)] = ""
    file_size: int | None = None


class _Place(_Told):
    latitude: float
    longitude: float


class _Contact(_Told):
    phone_number: Annotated[str, Field(max_length=64)]
    first_name: Annotated[str, Field(max_length=255)] = ""


class _Sticker(_Told):
    emoji: Annotated[str, Field(max_length=64)] = ""


class _TelegramMessage(_Told):
    message_id: int
    chat: _Chat
    sender: _User | None = Field(default=None, alias="from")
    text: Annotated[str, Field(max_length=8192)] = ""
    caption: Annotated[str, Field(max_length=8192)] = ""
    photo: Annotated[tuple[_TelegramFile, ...], Field(max_length=20)] = ()
    """One picture in several sizes."""
    document: _TelegramFile | None = None
    voice: _TelegramFile | None = None
    audio: _TelegramFile | None = None
    video: _TelegramFile | None = None
    video_note: _TelegramFile | None = None
    location: _Place | None = None
    contact: _Contact | None = None
    sticker: _Sticker | None = None

    def words(self) -> str:
        """Return what was written, or in words what was sent instead; empty for what says nothing."""
        if written := self.text or self.caption:
            return written
        if self.location is not None:
            return f"[location: {self.location.latitude}, {self.location.longitude}]"
        if self.contact is not None:
            return f"[contact: {self.contact.first_name} {self.contact.phone_number}]"
        return self.sticker.emoji if self.sticker is not None else ""

    def media(self) -> tuple[Media, ...]:
        """Return the message's files; Telegram's ids stand in for addresses, which carry the bot's token."""
        found = [
            (self.document, "application/octet-stream"),
            (self.voice, "audio/ogg"),
            (self.audio, "audio/mpeg"),
            (self.video, "video/mp4"),
            (self.video_note, "video/mp4"),
        ]
        if self.photo:
            found.insert(0, (max(self.photo, key=lambda size: size.file_size or 0), "image/jpeg"))
        return tuple(
            Media(
                url=f"telegram:{file.file_id}",
                content_type=file.mime_type or kind,
                size_bytes=file.file_size,
            )
            for file, kind in found
            if file is not None
        )


class _Pressed(_Told):
    """A button of ours was pressed: https://core.telegram.org/bots/api#callbackquery."""

    id: _Id
    sender: _User = Field(alias="from")
    message: _TelegramMessage | None = None
    """The one with the button."""
    data: Annotated[str, Field(max_length=64)] = ""


class _Update(_Told):
    """https://core.telegram.org/bots/api#update; edits and everything else are left out."""

    message: _TelegramMessage | None = None
    callback_query: _Pressed | None = None


class ProgramHooks:
    """What the operator's own program calls; `keys` are two while the secret is changed."""

    def __init__(
        self,
        reception: Reception,
        keys: Sequence[bytes],
        *,
        mail: MailIntake | None = None,
        mail_most: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`mail` takes whole mails of at most `mail_most` bytes; None: there is no e-mail."""
        self._reception = reception
        self._keys = tuple(keys)
        self._refused = Seldom()
        self._mail = mail
        self._mail_most = mail_most
        self._mails = 0
        self._clock = clock

    def add_routes(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_post("/hooks/messages", self.messages)
        app.router.add_post("/hooks/status", self.status)
        if self._mail is not None:
            app.router.add_post("/hooks/mail", self.mail)

    async def messages(self, request: web.Request) -> web.Response:
        """Take a message; its `webhook-id` is the id by which it is taken once."""
        told = read_body(_Message, await self._genuine(request))
        message = InboundMessage(
            provider=webhook.PROVIDER,
            provider_id=request.headers["webhook-id"],
            channel=Channel(told.channel),
            sender=told.sender,
            recipient=told.recipient,
            text=told.text,
            received_at=self._clock(),
            media=tuple(Media(url=f.url, content_type=f.content_type) for f in told.media),
            sender_name=told.name,
        )
        await hand_over(self._reception, message)
        return web.Response(status=204)

    async def status(self, request: web.Request) -> web.Response:
        """Take a receipt."""
        told = read_body(_Status, await self._genuine(request))
        await self._reception.receipt(
            Receipt(
                provider=webhook.PROVIDER,
                provider_id=told.message_id,
                status=MessageStatus(told.status),
                at=self._clock(),
                error_code=told.error_code,
                message_id=told.message_id,
            )
        )
        return web.Response(status=204)

    async def mail(self, request: web.Request) -> web.Response:
        """Take a whole mail, as it came over the wire (`message/rfc822`); its `Message-ID` counts it once."""
        assert self._mail is not None
        if self._mails >= MAILS_AT_ONCE:
            words = "too many mails come in at once"
            raise ApiError(503, "http.overloaded", words, headers={"Retry-After": "5"})
        self._mails += 1
        try:
            async with asyncio.timeout(MAIL_BOUND_S):
                body = await self._genuine(await self._large_body(request))
        finally:
            self._mails -= 1
        taken = await self._mail.take(body)
        return web.json_response({"taken_as": taken.value})

    async def _large_body(self, request: web.Request) -> web.Request:
        """Let this one request be larger than others, though not before its headers look genuine."""
        if (request.content_length or 0) > self._mail_most:
            raise ApiError(413, "http.too_large", f"a mail has at most {self._mail_most} bytes")
        if "webhook-signature" not in request.headers:
            raise ApiError(403, "http.forbidden", "the signature is wrong or too old")
        return request.clone(client_max_size=self._mail_most)

    async def _genuine(self, request: web.BaseRequest) -> bytes:
        body = await request.read()
        at = self._clock()
        if len(body) <= LOOKED_AT_HERE_MOST:
            is_good = is_genuine(self._keys, request.headers, body, at=at)
        else:
            is_good = await asyncio.to_thread(is_genuine, self._keys, request.headers, body, at=at)
        if not is_good:
            self._refused.log(
                log,
                logging.WARNING,
                "a webhook without a good signature is refused",
                {"path": request.path},
            )
            raise ApiError(403, "http.forbidden", "the signature is wrong or too old")
        return body


class TelegramHook:
    """What Telegram calls. `our_address` is the bot's name, as rooms know it."""

    def __init__(
        self,
        reception: Reception,
        secret: str,
        our_address: str,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._reception = reception
        self._secret = secret.encode()
        self._our_address = our_address
        self._clock = clock

    def add_routes(self, app: web.Application) -> None:
        """Add the route."""
        app.router.add_post("/telegram/messages", self.messages)

    async def messages(self, request: web.Request) -> web.Response:
        """Take an update; whatever is no message to a bot in private is answered and left out."""
        body = await request.read()
        given = request.headers.get("X-Telegram-Bot-Api-Secret-Token", "")
        if not self._secret or not hmac.compare_digest(
            given.encode("utf-8", "surrogateescape"), self._secret
        ):
            raise ApiError(403, "http.forbidden", "the secret is not Telegram's")
        try:
            update = read_body(_Update, body)
        except ApiError as error:
            # Refused it would come again and again, and those behind it not at all.
            log.warning("an update is left out", extra={"reason": str(error)})
            return web.Response(status=204)
        if update.callback_query is not None:
            return await self._pressed(update.callback_query)
        told = update.message
        if told is None or told.chat.type != "private" or told.sender is None or told.sender.is_bot:
            return web.Response(status=204)
        text, files = _without_slash(told.words()), told.media()
        if not text.strip() and not files:
            return web.Response(status=204)
        message = InboundMessage(
            provider=telegram.PROVIDER,
            provider_id=f"{told.chat.id}:{told.message_id}",
            channel=Channel.TELEGRAM,
            sender=str(told.chat.id),
            recipient=self._our_address,
            text=text,
            received_at=self._clock(),
            media=files,
            sender_name=told.sender.first_name,
        )
        await hand_over(self._reception, message)
        return web.Response(status=204)

    async def _pressed(self, pressed: _Pressed) -> web.Response:
        """Take what a button says as if it had been written; the answer stops the button's waiting."""
        talk = pressed.message.chat if pressed.message is not None else None
        if talk is not None and talk.type == "private" and pressed.data.strip():
            message = InboundMessage(
                provider=telegram.PROVIDER,
                provider_id=f"pressed:{pressed.id}",
                channel=Channel.TELEGRAM,
                sender=str(talk.id),
                recipient=self._our_address,
                text=pressed.data,
                received_at=self._clock(),
                sender_name=pressed.sender.first_name,
            )
            await hand_over(self._reception, message)
        done = {"method": "answerCallbackQuery", "callback_query_id": pressed.id}
        return web.json_response(done)


def _without_slash(text: str) -> str:
    """Return a command as the keyword that it is: Telegram's own buttons send `/start` and `/stop`."""
    bare = text.removeprefix("/")
    return bare if keyword(bare) is not None else text


def read_body(kind: type[T], body: bytes) -> T:
    """Return what a body tells; raises `ApiError` that names the first field that is wrong."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ApiError(400, "http.bad_request", f"{where}: {first['msg']}".lstrip(": ")) from error
