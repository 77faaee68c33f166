"""Tells the event bus what is written down of calls and messages, as it is written."""

import time

from gateway.channels.text_watchers import TextWatcher
from gateway.console.bus import EventBus
from gateway.console.watch import CallWatch
from gateway.model.events import Offered
from gateway.model.messages import InboundMessage
from gateway.rooms.timeline import Entry
from gateway.rooms.watched_recorder import CallEnd, Watcher
from gateway.store.message_records import MessageRecord


class CallAnnouncer:
    """Implements `Watcher`. On the event loop.

    Events: `call_offered`, `line` (an entry of a call's timeline) and `call_ended`.
    """

    def __init__(self, bus: EventBus, watch: CallWatch) -> None:
        self._bus = bus
        self._watch = watch

    def call_offered(self, offered: Offered, *, room_id: str, agent: str) -> None:
        self._bus.publish(
            "call_offered",
            {
                "call_id": offered.call_id,
                "room_id": room_id,
                "agent": agent,
                "endpoint": offered.endpoint.value,
                "direction": offered.direction.value,
                "caller": offered.caller,
                "callee": offered.callee,
                "caller_name": offered.caller_name,
            },
        )

    def appended(self, entry: Entry) -> None:
        self._watch.written(entry)
        self._bus.publish(
            "line",
            {
                "room_id": entry.room_id,
                "call_id": entry.call_id,
                "kind": entry.kind.value,
                "offset_ms": entry.offset_ms,
                "at": round(time.time(), 3),
                "role": None if entry.role is None else entry.role.value,
                "text": entry.text,
                "facts": dict(entry.facts),
            },
        )

    def call_ended(self, end: CallEnd) -> None:
        self._bus.publish(
            "call_ended",
            {
                "call_id": end.call_id,
                "cause": end.cause.value,
                "detail": end.detail,
                "ended_ms": end.offset_ms,
            },
        )


class MessageAnnouncer:
    """Implements `TextWatcher`. On the event loop.

    Events: `message` (an outbound one was accepted or has changed) and `inbox` (somebody wrote to us).
    """

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    def changed(self, record: MessageRecord) -> None:
        """An outbound message was accepted, or its status changed."""
        self._bus.publish(
            "message",
            {
                "message_id": record.message.message_id,
                "room_id": record.message.room_id,
                "channel": record.message.channel.value,
                "status": record.status.value,
            },
        )

    def received(self, message: InboundMessage) -> None:
        """Somebody wrote to us; whom it concerns is known once it is in a room."""
        self._bus.publish("inbox", {"channel": message.channel.value})


_: type[Watcher] = CallAnnouncer
_texts: type[TextWatcher] = MessageAnnouncer
