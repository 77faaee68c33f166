"""Tells the event bus what is written down of calls, as it is written; the recorder behind it keeps it."""

import time
from collections.abc import Callable

from gateway.console.bus import EventBus
from gateway.model.events import Offered
from gateway.model.hangup import HangupCause
from gateway.rooms.timeline import Entry, Recorder, RoomView


class Announcer:
    """Implements `Recorder` in front of the real one. On the event loop.

    Events: `call_offered` and `call_ended` with the call's record so far, `line` with an entry of its timeline.
    """

    def __init__(
        self,
        recorder: Recorder,
        bus: EventBus,
        on_entry: Callable[[Entry], None] = lambda _entry: None,
    ) -> None:
        self._recorder = recorder
        self._bus = bus
        self._on_entry = on_entry

    async def room_for(self, *, number: str, person: str) -> RoomView:
        return await self._recorder.room_for(number=number, person=person)

    def call_offered(self, offered: Offered, *, room_id: str, agent: str) -> None:
        self._recorder.call_offered(offered, room_id=room_id, agent=agent)
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

    def append(self, entry: Entry) -> None:
        self._recorder.append(entry)
        self._on_entry(entry)
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

    def call_ended(
        self, call_id: str, *, cause: HangupCause, detail: str, offset_ms: float
    ) -> None:
        self._recorder.call_ended(call_id, cause=cause, detail=detail, offset_ms=offset_ms)
        self._bus.publish(
            "call_ended",
            {"call_id": call_id, "cause": cause.value, "detail": detail, "ended_ms": offset_ms},
        )
