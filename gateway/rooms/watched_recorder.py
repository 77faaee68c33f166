"""Tells others what a recorder was told: whatever follows from a call begins where the call is written down."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.model.events import Offered
from gateway.model.hangup import HangupCause
from gateway.rooms.timeline import Entry, Recorder, RoomView

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnd:
    """How a call ended, milliseconds after its offer."""

    call_id: str
    cause: HangupCause
    detail: str
    offset_ms: float


class Watcher(Protocol):
    """Sees what is written down of calls, right after it was handed over (not yet on disk).

    Called on the event loop; returns at once. What it raises is logged and hurts no call.
    """

    def call_offered(self, offered: Offered, *, room_id: str, agent: str) -> None:
        """A call's record was opened."""

    def appended(self, entry: Entry) -> None:
        """A line was added to a timeline."""

    def call_ended(self, end: CallEnd) -> None:
        """A call's record was closed."""


class WatchedRecorder:
    """A `Recorder` in front of another; the watchers come after it, in their order."""

    def __init__(self, recorder: Recorder, watchers: Sequence[Watcher] = ()) -> None:
        self._recorder = recorder
        self._watchers = list(watchers)

    def watch(self, watcher: Watcher) -> None:
        """Add a watcher; before calls come in."""
        self._watchers.append(watcher)

    async def room_for(self, *, number: str, person: str) -> RoomView:
        return await self._recorder.room_for(number=number, person=person)

    def call_offered(self, offered: Offered, *, room_id: str, agent: str) -> None:
        self._recorder.call_offered(offered, room_id=room_id, agent=agent)
        for watcher in self._watchers:
            try:
                watcher.call_offered(offered, room_id=room_id, agent=agent)
            except Exception:
                log.exception("a watcher failed", extra={"call_id": offered.call_id})

    def append(self, entry: Entry) -> None:
        self._recorder.append(entry)
        for watcher in self._watchers:
            try:
                watcher.appended(entry)
            except Exception:
                log.exception("a watcher failed", extra={"call_id": entry.call_id})

    def call_ended(
        self, call_id: str, *, cause: HangupCause, detail: str, offset_ms: float
    ) -> None:
        self._recorder.call_ended(call_id, cause=cause, detail=detail, offset_ms=offset_ms)
        end = CallEnd(call_id=call_id, cause=cause, detail=detail, offset_ms=offset_ms)
        for watcher in self._watchers:
            try:
                watcher.call_ended(end)
            except Exception:
                log.exception("a watcher failed", extra={"call_id": call_id})


_: type[Recorder] = WatchedRecorder
