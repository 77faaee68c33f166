"""The API of messages: `GET` and `POST /api/v1/messages`, `GET /api/v1/messages/{message_id}`."""

from collections.abc import Callable
from typing import Annotated, Any, Protocol

from aiohttp import web
from pydantic import Field

from gateway.http.bodies import Body, bad_field, idempotency_key, read_body
from gateway.http.errors import ApiError
from gateway.http.outbox import Outbox, attempt_json, message_json, statuses_of
from gateway.http.query import rfc3339, whole_number
from gateway.model.addresses import ADDRESS_LONGEST, WRITTEN, parse_address
from gateway.model.messages import Channel, ChannelCapabilities, InboundMessage, Media, Template
from gateway.rooms.operator import Sent, Wanted
from gateway.store import lists
from gateway.store.lists import MessageFilter
from gateway.store.transactor import Transactor

LIST_DEFAULT, LIST_MOST = 50, 500
TEXT_MOST = 16_000
MEDIA_MOST = 10
LIFE_MOST_S = 7 * 86_400.0

Short = Annotated[str, Field(max_length=ADDRESS_LONGEST)]


class _Template(Body):
    content_sid: Annotated[str, Field(min_length=1, max_length=64)]
    variables: dict[str, Annotated[str, Field(max_length=1_000)]] = Field(default_factory=dict)


class _Media(Body):
    url: Annotated[str, Field(max_length=2_000, pattern=r"^https?://[^\s]+$")]
    content_type: Short = "application/octet-stream"


class NewMessage(Body):
    """What is posted."""

    to: Annotated[str, Field(min_length=1, max_length=ADDRESS_LONGEST)]
    text: Annotated[str, Field(max_length=TEXT_MOST)] = ""
    channel: Channel | None = None
    sender: Annotated[str, Field(alias="from", max_length=ADDRESS_LONGEST)] = ""
    template: _Template | None = None
    media: Annotated[tuple[_Media, ...], Field(max_length=MEDIA_MOST)] = ()
    idempotency_key: str = ""
    useful_s: Annotated[float | None, Field(gt=0, le=LIFE_MOST_S)] = None
    """The message is of no use later."""


class Sends(Protocol):
    """Who has messages sent."""

    async def send(self, wanted: Wanted, *, key: str = "") -> Sent:
        """Raises `MessageError` or `StoreError`."""


class MessagesApi:
    """Handlers of the routes; the API's guard stands before them."""

    def __init__(
        self,
        outbox: Outbox,
        database: Transactor,
        sends: Sends,
        *,
        capabilities: Callable[[Channel], ChannelCapabilities | None],
        sender_on: Callable[[Channel], str],
        may_lack_sender: frozenset[Channel] = frozenset(),
        clock: Callable[[], float],
    ) -> None:
        """`sender_on` tells our address on a channel for messages that name none; empty: there is none."""
        self._outbox = outbox
        self._database = database
        self._sends = sends
        self._capabilities = capabilities
        self._sender_on = sender_on
        self._may_lack_sender = may_lack_sender
        self._clock = clock

    def add_routes(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/api/v1/messages", self.list)
        app.router.add_post("/api/v1/messages", self.send)
        app.router.add_get("/api/v1/messages/{message_id}", self.show)

    async def list(self, request: web.Request) -> web.Response:
        """What we wrote, or with `direction=inbound` what was written to us; newest first."""
        query = request.query
        limit = whole_number(request, "limit", default=LIST_DEFAULT, most=LIST_MOST)
        wanted = MessageFilter(
            statuses=statuses_of(request),
            room_id=query.get("room_id", ""),
            channel=_channel(query.get("channel", "")),
            recipient=query.get("to", ""),
            sender=query.get("from", ""),
            before_seq=whole_number(request, "before", default=0, least=0, most=2**62),
        )
        direction = query.get("direction", "outbound")
        if direction == "outbound":
            records = await self._database.read(
                lambda connection: lists.outbound(connection, wanted, limit=limit)
            )
            found = [{"direction": "outbound", **message_json(record)} for record in records]
        elif direction == "inbound":
            if wanted.statuses or wanted.room_id:
                raise bad_field(
                    "status" if wanted.statuses else "room_id", "is for outbound messages only"
                )
            rows = await self._database.read(
                lambda connection: lists.inbound(connection, wanted, limit=limit)
            )
            found = [_inbound_json(*row) for row in rows]
        else:
            raise bad_field("direction", "must be outbound or inbound")
        return web.json_response(
            {
                "messages": found,
                "next_before": found[-1]["seq"] if len(found) == limit else None,
            }
        )

    async def show(self, request: web.Request) -> web.Response:
        """One message with the attempts to send it."""
        message_id = request.match_info["message_id"]
        found = await self._outbox.message(message_id)
        if found is None:
            raise ApiError(404, "message.not_found", f"no message {message_id!r}")
        record, attempts = found
        return web.json_response(
            {
                "direction": "outbound",
                **message_json(record),
                "attempts": [attempt_json(attempt) for attempt in attempts],
            }
        )

    async def send(self, request: web.Request) -> web.Response:
        """Accept a message: 202 once it is on disk; sending it goes on after."""
        body = await read_body(request, NewMessage)
        wanted = self._wanted(body)
        sent = await self._sends.send(wanted, key=idempotency_key(request, body.idempotency_key))
        return web.json_response(
            {
                "message_id": sent.message_ids[0] if sent.message_ids else None,
                "message_ids": list(sent.message_ids),
                "room_id": sent.room_id,
                "channel": wanted.channel.value,
                "from": wanted.sender,
                "to": wanted.recipient,
                "duplicate": sent.is_duplicate,
            },
            status=202,
        )

    def _wanted(self, body: NewMessage) -> Wanted:
        try:
            channel, recipient = parse_address(body.to, body.channel)
        except ValueError as error:
            raise bad_field("to", str(error)) from None
        capabilities = self._capabilities(channel)
        if capabilities is None:
            raise bad_field(
                "channel", f"no provider serves {channel.value}; configure one, or name another"
            )
        if not body.text.strip() and body.template is None and not body.media:
            raise bad_field("text", "is missing; give a text, a template or media")
        if body.template is not None and not capabilities.templates:
            raise bad_field("template", f"{channel.value} has no templates")
        if body.media and not capabilities.media:
            raise bad_field("media", f"{channel.value} carries no media; put links into the text")
        return Wanted(
            channel=channel,
            sender=self._sender(body.sender, channel),
            recipient=recipient,
            text=body.text.strip(),
            template=Template(**body.template.model_dump()) if body.template else None,
            media=tuple(Media(**item.model_dump()) for item in body.media),
            not_after=None if body.useful_s is None else self._clock() + body.useful_s,
        )

    def _sender(self, given: str, channel: Channel) -> str:
        sender = given.strip().removeprefix(f"{channel.value}:")
        sender = sender or self._sender_on(channel)
        if not sender and channel not in self._may_lack_sender:
            raise bad_field(
                "from", f"is missing; name our address on {channel.value} or set fallback.senders"
            )
        if not sender.isprintable():
            raise bad_field("from", "must be printable")
        return sender


def _channel(name: str) -> Channel | None:
    try:
        return Channel(name) if name else None
    except ValueError:
        known = ", ".join(channel.value for channel in WRITTEN)
        raise bad_field("channel", f"must be one of {known}") from None


def _inbound_json(seq: int, message: InboundMessage, processed_at: float | None) -> dict[str, Any]:
    return {
        "direction": "inbound",
        "seq": seq,
        "channel": message.channel.value,
        "provider": message.provider,
        "provider_id": message.provider_id,
        "sender": message.sender,
        "sender_name": message.sender_name,
        "recipient": message.recipient,
        "text": message.text,
        "media": [media.url for media in message.media],
        "received_at": rfc3339(message.received_at),
        "processed_at": rfc3339(processed_at),
    }
