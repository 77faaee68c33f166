"""What is read back of outbound messages, and how rows and messages become one another."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Row

from gateway.model.messages import Channel, Media, MessageStatus, OutboundMessage, Template
from gateway.store.clean import clean
from gateway.store.identity import LONGEST


class Outcome(StrEnum):
    """What became of an attempt."""

    TAKEN = "taken"
    POSTPONED = "postponed"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRecord:
    """One outbound message as the store knows it; times are seconds since 1970."""

    seq: int
    """Counts up in the order of acceptance."""
    message: OutboundMessage
    status: MessageStatus
    created_at: float
    changed_at: float
    next_attempt_at: float
    attempts: int
    tries: int
    """Attempts since it was accepted or replayed."""
    provider: str
    provider_id: str
    error_code: str
    error_detail: str
    before: MessageStatus | None = None
    """Its status before the transaction that returned this; None if that made it or only read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """One attempt to hand a message to a provider."""

    number: int
    provider: str
    started_at: float
    ended_at: float | None
    outcome: Outcome | None
    """None while the answer is awaited."""
    provider_id: str
    error_code: str
    error_detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingMessage:
    """What must be known of a message to decide when it leaves."""

    message_id: str
    seq: int
    channel: Channel
    sender: str
    recipient: str
    due_at: float
    tries: int
    provider: str = ""
    """Of its last attempt."""
    is_unknown: bool = False
    """An attempt was begun and its outcome is not known."""


def to_row(message: OutboundMessage) -> dict[str, Any]:
    """Return the columns of a message; raises `ValueError` for one without id or cause."""
    if not message.message_id or not message.cause:
        raise ValueError("an outbound message needs an id and a cause")
    template = message.template
    return {
        "message_id": message.message_id,
        "room_id": message.room_id,
        "channel": message.channel.value,
        "sender": message.sender,
        "recipient": message.recipient,
        "text": clean(message.text),
        "template": template
        and {"content_sid": template.content_sid, "variables": dict(template.variables)},
        "media": media_row(message.media),
        "cause": message.cause,
        "not_after": message.not_after,
        "buttons": [clean(button) for button in message.buttons],
        "subject": clean(message.subject)[:LONGEST],
        "reply_to": clean(message.reply_to)[:LONGEST],
    }


def media_row(media: tuple[Media, ...]) -> list[dict[str, Any]]:
    """Return media as they are kept in a column."""
    return [
        {"url": item.url, "content_type": item.content_type, "size_bytes": item.size_bytes}
        for item in media
    ]


def to_media(column: list[Mapping[str, Any]]) -> tuple[Media, ...]:
    """Return media as they were before `media_row`."""
    return tuple(Media(**item) for item in column)


def to_record(row: Row[Any], *, before: str | None = None) -> MessageRecord:
    """Return a row of the messages table; `before` is the status it had until now."""
    template = row.template
    return MessageRecord(
        seq=row.seq,
        message=OutboundMessage(
            message_id=row.message_id,
            room_id=row.room_id,
            channel=Channel(row.channel),
            sender=row.sender,
            recipient=row.recipient,
            text=row.text,
            cause=row.cause,
            template=Template(**template) if template else None,
            media=to_media(row.media),
            not_after=row.not_after,
            buttons=tuple(row.buttons),
            subject=row.subject,
            reply_to=row.reply_to,
        ),
        status=MessageStatus(row.status),
        created_at=row.created_at,
        changed_at=row.changed_at,
        next_attempt_at=row.next_attempt_at,
        attempts=row.attempts,
        tries=row.tries,
        provider=row.provider,
        provider_id=row.provider_id,
        error_code=row.error_code,
        error_detail=row.error_detail,
        before=None if before is None else MessageStatus(before),
    )
