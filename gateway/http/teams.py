"""Messages from Microsoft Teams: `/teams/messages`, where the Bot Connector posts activities.

https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-activities. Checked, written
down, answered; processed after. A bot talks with one person: group chats and channels are left out.
"""

import hashlib
import logging
import re
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from gateway.channels import teams
from gateway.channels.hand_over import hand_over
from gateway.channels.reception import Reception
from gateway.channels.teams_token import TeamsTokenCheck
from gateway.http.errors import ApiError
from gateway.http.hooks import read_body
from gateway.model.messages import Channel, InboundMessage, Media
from gateway.seldom import Seldom

log = logging.getLogger(__name__)

ID_LONGEST = 255
FILES_MOST = 10
DOWNLOAD_INFO = "application/vnd.microsoft.teams.file.download.info"
_MENTION = re.compile(r"<at>.*?</at>", re.DOTALL)

_Id = Annotated[str, Field(max_length=1024)]

RememberRoute = Callable[[str, str], Awaitable[None]]
"""Keeps the service URL of a conversation, durably. Raises `StoreError`."""


class _Told(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class _Account(_Told):
    id: _Id = ""
    name: Annotated[str, Field(max_length=1024)] = ""


class _Conversation(_Told):
    id: _Id
    kind: str = Field(default="personal", alias="conversationType")


class _Attachment(_Told):
    content_type: str = Field(default="", alias="contentType", max_length=255)
    content_url: str = Field(default="", alias="contentUrl", max_length=4096)
    content: Any = None


class _Activity(_Told):
    type: str
    id: _Id = ""
    text: Annotated[str, Field(max_length=65_536)] = ""
    channel_id: str = Field(default="", alias="channelId")
    service_url: str = Field(default="", alias="serviceUrl", max_length=2048)
    sender: _Account = Field(default_factory=_Account, alias="from")
    recipient: _Account = Field(default_factory=_Account)
    conversation: _Conversation | None = None
    attachments: Annotated[tuple[_Attachment, ...], Field(max_length=50)] = ()


class TeamsHook:
    """What the Bot Connector calls."""

    def __init__(
        self,
        reception: Reception,
        check: TeamsTokenCheck,
        remember_route: RememberRoute,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._reception = reception
        self._check = check
        self._remember_route = remember_route
        self._clock = clock
        self._refused = Seldom()

    def add_routes(self, app: web.Application) -> None:
        """Add the route."""
        app.router.add_post("/teams/messages", self.messages)

    async def messages(self, request: web.Request) -> web.Response:
        """Take an activity; whatever is no message of one person is answered and left out."""
        told = read_body(_Activity, await request.read())
        flaw = await self._check.flaw(
            request.headers.get("Authorization", ""),
            service_url=told.service_url,
            channel_id=told.channel_id,
        )
        if flaw:
            self._refused.log(log, logging.WARNING, "an activity is refused", {"reason": flaw})
            raise ApiError(403, "http.forbidden", flaw)
        talk = told.conversation
        if told.type != "message" or talk is None or talk.kind != "personal" or not told.id:
            return web.Response(status=200)
        if len(talk.id) > ID_LONGEST or not _is_url(told.service_url):
            raise ApiError(400, "http.bad_request", "conversation.id or serviceUrl is not usable")
        # Before the message: its answer needs it.
        await self._remember_route(talk.id, told.service_url.rstrip("/"))
        await hand_over(
            self._reception,
            InboundMessage(
                provider=teams.PROVIDER,
                provider_id=_message_id(talk.id, told.id),
                channel=Channel.TEAMS,
                sender=talk.id,
                recipient=told.recipient.id[:ID_LONGEST],
                text=_MENTION.sub("", told.text).strip(),
                received_at=self._clock(),
                media=_media(told.attachments),
                sender_name=told.sender.name[:ID_LONGEST],
            ),
        )
        return web.Response(status=200)


def _media(attachments: tuple[_Attachment, ...]) -> tuple[Media, ...]:
    """Return the files among the attachments; the text as HTML and cards are none.

    Only web addresses: others are ours, of files that came by other ways.
    """
    found = []
    for item in attachments:
        if item.content_type == DOWNLOAD_INFO and isinstance(item.content, dict):
            url = item.content.get("downloadUrl")
            if isinstance(url, str):
                found.append(Media(url=url, content_type="application/octet-stream"))
        elif item.content_url and not item.content_type.startswith("application/vnd.microsoft"):
            found.append(Media(url=item.content_url, content_type=item.content_type))
    return tuple([file for file in found if _is_url(file.url)][:FILES_MOST])


def _message_id(conversation: str, activity: str) -> str:
    whole = f"{conversation}:{activity}"
    if len(whole) <= ID_LONGEST:
        return whole
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("https", "http") and bool(parts.netloc)
