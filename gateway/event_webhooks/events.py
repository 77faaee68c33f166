"""What is told of a call or a message, and by which id an event is known."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway import cdr
from gateway.config.event_webhooks import EventType
from gateway.model.messages import InboundMessage
from gateway.store.message_records import MessageRecord
from gateway.store.records import CallRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened."""

    type: EventType
    subject: str
    """Id of the call or message."""
    occasion: str
    """Tells events of one type and subject apart; empty where there is only one."""
    at: float
    """Seconds since 1970."""
    data: Mapping[str, object]

    @property
    def event_id(self) -> str:
        """The same for the same event, so that whoever gets it twice can leave it out once."""
        told = f"{self.type.value}\n{self.subject}\n{self.occasion}"
        return "evt_" + hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:32]

    def body(self) -> str:
        """Return what is posted: `type`, `timestamp` and `data`, as Standard Webhooks advises."""
        told = {"type": self.type.value, "timestamp": _rfc3339(self.at), "data": dict(self.data)}
        return json.dumps(told, ensure_ascii=False)


_OF_A_BEGINNING = (
    "call_id", "room_id", "direction", "endpoint", "caller", "caller_name", "callee", "agent",
    "offered_at",
)  # fmt: skip


def call_started(record: CallRecord) -> Event:
    """Return the event of a call that began."""
    row = cdr.record_of(record)
    return Event(
        type=EventType.CALL_STARTED,
        subject=record.call_id,
        occasion="",
        at=record.offered_at,
        data={name: row[name] for name in _OF_A_BEGINNING},
    )


def call_ended(record: CallRecord) -> Event:
    """Return the event of a call that is over; its data are the call detail record."""
    return Event(
        type=EventType.CALL_ENDED,
        subject=record.call_id,
        occasion="",
        at=record.offered_at + (record.ended_ms or 0.0) / 1000,
        data=cdr.record_of(record),
    )


def message_received(message: InboundMessage) -> Event:
    """Return the event of a message that somebody wrote to us."""
    return Event(
        type=EventType.MESSAGE_RECEIVED,
        subject=f"{message.provider}:{message.provider_id}",
        occasion="",
        at=message.received_at,
        data={
            "provider": message.provider,
            "provider_id": message.provider_id,
            "channel": message.channel.value,
            "from": message.sender,
            "from_name": message.sender_name,
            "to": message.recipient,
            "text": message.text,
            "media": [
                {"url": media.url, "content_type": media.content_type} for media in message.media
            ],
        },
    )


def message_status(record: MessageRecord) -> Event:
    """Return the event of a message of ours that came to another status."""
    message = record.message
    return Event(
        type=EventType.MESSAGE_STATUS,
        subject=message.message_id,
        # A dead letter that is sent again comes to the same statuses again.
        occasion=f"{record.status.value} {record.changed_at!r}",
        at=record.changed_at,
        data={
            "message_id": message.message_id,
            "room_id": message.room_id,
            "channel": message.channel.value,
            "from": message.sender,
            "to": message.recipient,
            "status": record.status.value,
            "provider": record.provider,
            "provider_id": record.provider_id,
            "error_code": record.error_code,
            "cause": message.cause,
        },
    )


def _rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
