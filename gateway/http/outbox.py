"""The API of the outbox: list messages and dead letters, show one with its attempts, send one again."""

from collections.abc import Sequence
from typing import Any, Protocol

from aiohttp import web

from gateway.http.errors import ApiError
from gateway.http.query import rfc3339, whole_number
from gateway.model.messages import MessageStatus
from gateway.store.message_records import AttemptRecord, MessageRecord

LIST_DEFAULT, LIST_MOST = 50, 500
DEAD_LETTERS = (MessageStatus.FAILED, MessageStatus.DEAD)


class Outbox(Protocol):
    """What is asked of the outbox; each method raises `StoreError`."""

    async def messages(
        self,
        *,
        limit: int,
        statuses: Sequence[MessageStatus] = (),
        room_id: str | None = None,
        before_seq: int | None = None,
    ) -> list[MessageRecord]:
        """Return messages, newest first."""

    async def message(self, message_id: str) -> tuple[MessageRecord, list[AttemptRecord]] | None:
        """Return one message and the attempts to send it."""

    async def counts(self) -> dict[MessageStatus, int]:
        """Return how many messages there are of each status."""

    async def replay(self, message_id: str) -> MessageRecord | None:
        """Send a dead letter again; None if there is none of this id."""


def add_routes(app: web.Application, outbox: Outbox) -> None:
    """Add `/api/v1/outbox…`; the API's guard stands before it."""

    async def list_messages(request: web.Request) -> web.Response:
        limit = whole_number(request, "limit", default=LIST_DEFAULT, most=LIST_MOST)
        before = whole_number(request, "before", default=0, least=0, most=2**62)
        found = await outbox.messages(
            limit=limit,
            statuses=statuses_of(request),
            room_id=request.query.get("room_id") or None,
            before_seq=before or None,
        )
        counts = await outbox.counts()
        return web.json_response(
            {
                "messages": [message_json(record) for record in found],
                "next_before": found[-1].seq if len(found) == limit else None,
                "counts": {status.value: number for status, number in counts.items()},
            }
        )

    async def show(request: web.Request) -> web.Response:
        message_id = request.match_info["message_id"]
        found = await outbox.message(message_id)
        if found is None:
            raise _not_found(message_id)
        record, attempts = found
        return web.json_response(
            {**message_json(record), "attempts": [attempt_json(attempt) for attempt in attempts]}
        )

    async def replay(request: web.Request) -> web.Response:
        message_id = request.match_info["message_id"]
        record = await outbox.replay(message_id)
        if record is None:
            if await outbox.message(message_id) is None:
                raise _not_found(message_id)
            raise ApiError(409, "message.not_failed", f"message {message_id!r} has not failed")
        return web.json_response(message_json(record), status=202)

    app.router.add_get("/api/v1/outbox", list_messages)
    app.router.add_get("/api/v1/outbox/{message_id}", show)
    app.router.add_post("/api/v1/outbox/{message_id}/replay", replay)


def statuses_of(request: web.Request) -> tuple[MessageStatus, ...]:
    """`status=sent`, or `status=failed,dead`; `dead_letters` is short for the latter."""
    names = [name for name in request.query.get("status", "").lower().split(",") if name]
    if names == ["dead_letters"]:
        return DEAD_LETTERS
    try:
        return tuple(MessageStatus(name) for name in names)
    except ValueError:
        known = ", ".join(status.value for status in MessageStatus)
        raise ApiError(
            400, "http.bad_request", f"status must be of: {known}; or dead_letters"
        ) from None


def _not_found(message_id: str) -> ApiError:
    return ApiError(404, "message.not_found", f"no message {message_id!r}")


def message_json(record: MessageRecord) -> dict[str, Any]:
    """Return a message as the API tells it."""
    message = record.message
    return {
        "message_id": message.message_id,
        "seq": record.seq,
        "room_id": message.room_id,
        "channel": message.channel.value,
        "sender": message.sender,
        "recipient": message.recipient,
        "text": message.text,
        "template": message.template.content_sid if message.template else None,
        "media": [media.url for media in message.media],
        "cause": message.cause,
        "status": record.status.value,
        "provider": record.provider,
        "provider_id": record.provider_id,
        "error_code": record.error_code,
        "error_detail": record.error_detail,
        "created_at": rfc3339(record.created_at),
        "changed_at": rfc3339(record.changed_at),
        "next_attempt_at": (
            rfc3339(record.next_attempt_at) if record.status is MessageStatus.QUEUED else None
        ),
        "not_after": rfc3339(message.not_after),
    }


def attempt_json(attempt: AttemptRecord) -> dict[str, Any]:
    """Return an attempt as the API tells it."""
    return {
        "number": attempt.number,
        "provider": attempt.provider,
        "started_at": rfc3339(attempt.started_at),
        "ended_at": rfc3339(attempt.ended_at),
        "outcome": attempt.outcome,
        "provider_id": attempt.provider_id,
        "error_code": attempt.error_code,
        "error_detail": attempt.error_detail,
    }
