"""Messages from the operator's own program and from Telegram: `/hooks/messages`, `/hooks/status`, `/telegram/messages`.

Checked, written down, answered; processed after. The program signs as `gateway/channels/webhook_signature.py`
says and may also bring e-mail in; Telegram shows the secret that `setWebhook` was given.
"""

import hmac
import logging
import time
from collections.abc import Callable, Sequence
from typing import Annotated, Literal, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.channels import telegram, webhook
from gateway.channels.keywords import keyword
from gateway.channels.reception import KeywordAnswer, Reception
from gateway.channels.webhook_signature import is_genuine
from gateway.http.errors import ApiError
from gateway.model.messages import Channel, InboundMessage, Media, MessageStatus, Receipt

log = logging.getLogger(__name__)

T = TypeVar("T", bound=BaseModel)

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

    file_id: _Id
    mime_type: Annotated[str, Field(max_length=255)] = ""
    file_size: int | None = None


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

    def media(self) -> tuple[Media, ...]:
        """Return the message's files; Telegram's ids stand in for addresses, which carry the bot's token."""
        found = [
            (self.document, "application/octet-stream"),
            (self.voice, "audio/ogg"),
            (self.audio, "audio/mpeg"),
            (self.video, "video/mp4"),
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


class _Update(_Told):
    """https://core.telegram.org/bots/api#update; edits and everything else are left out."""

    message: _TelegramMessage | None = None


async def hand_over(reception: Reception, message: InboundMessage) -> None:
    """Hand a message over, or the keyword that it is."""
    word = keyword(message.text)
    if word is None and keyword(message.text, is_opted_out=True) is not None:
        word = keyword(message.text, is_opted_out=await reception.is_opted_out(message))
    if word is None:
        await reception.message(message)
    else:
        await reception.keyword(message, word, KeywordAnswer.OURS)


class ProgramHooks:
    """What the operator's own program calls; `keys` are two while the secret is changed."""

    def __init__(
        self,
        reception: Reception,
        keys: Sequence[bytes],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._reception = reception
        self._keys = tuple(keys)
        self._clock = clock

    def add_routes(self, app: web.Application) -> None:
        """Add both routes."""
        app.router.add_post("/hooks/messages", self.messages)
        app.router.add_post("/hooks/status", self.status)

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

    async def _genuine(self, request: web.Request) -> bytes:
        body = await request.read()
        if not is_genuine(self._keys, request.headers, body, at=self._clock()):
            log.warning(
                "a webhook without a good signature is refused", extra={"path": request.path}
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
        told = read_body(_Update, body).message
        if told is None or told.chat.type != "private" or told.sender is None or told.sender.is_bot:
            return web.Response(status=204)
        message = InboundMessage(
            provider=telegram.PROVIDER,
            provider_id=f"{told.chat.id}:{told.message_id}",
            channel=Channel.TELEGRAM,
            sender=str(told.chat.id),
            recipient=self._our_address,
            text=_without_slash(told.text or told.caption),
            received_at=self._clock(),
            media=told.media(),
            sender_name=told.sender.first_name,
        )
        await hand_over(self._reception, message)
        return web.Response(status=204)


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
