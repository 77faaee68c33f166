"""Calls the operator's hooks for calls: when one begins, for every line that was said, and when it ends."""

import asyncio
import logging
from collections import deque
from typing import Any

from gateway.model.events import Offered
from gateway.model.messages import Channel
from gateway.rooms.hooks import Hooks, Point
from gateway.rooms.timeline import Entry, Kind
from gateway.rooms.watched_recorder import CallEnd, Watcher

log = logging.getLogger(__name__)

WAITING_MOST = 2_000
"""Hook calls that wait, of all calls together; when full the newest is dropped and counted."""
CALL_WAITING_MOST = 200
CLOSE_S = 5.0

_SPOKEN = frozenset({Kind.USER_SAID, Kind.AGENT_SAID})


class CallHooks:
    """A `Watcher` of what is recorded. Belongs to the event loop; no call ever waits for a hook.

    The hooks of one call are called in order, those of different calls side by side. A `speech` hook is told what
    was heard after it was heard, so it can neither delay nor change it.
    """

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._rooms: dict[str, str] = {}
        self._lanes: dict[str, deque[tuple[Point, str, dict[str, Any]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self.dropped = 0
        """Hook calls that found the queue full."""

    # Watcher ----------------------------------------------------------------------------------------

    def call_offered(self, offered: Offered, *, room_id: str, agent: str) -> None:
        self._rooms[offered.call_id] = room_id
        self._put(
            Point.SESSION_STARTED,
            room_id,
            offered.call_id,
            channel=Channel.VOICE.value,
            endpoint=offered.endpoint.value,
            direction=offered.direction.value,
            caller=offered.caller,
            callee=offered.callee,
            agent=agent,
        )

    def appended(self, entry: Entry) -> None:
        if entry.kind in _SPOKEN and entry.call_id and entry.role is not None:
            self._put(
                Point.SPEECH,
                entry.room_id,
                entry.call_id,
                channel=Channel.VOICE.value,
                role=entry.role.value,
                text=entry.text,
                is_interrupted=bool(entry.facts.get("interrupted", False)),
                is_typed=bool(entry.facts.get("typed", False)),
            )

    def call_ended(self, end: CallEnd) -> None:
        room_id = self._rooms.pop(end.call_id, None)
        if room_id is not None:
            self._put(
                Point.SESSION_ENDED,
                room_id,
                end.call_id,
                channel=Channel.VOICE.value,
                cause=end.cause.value,
                duration_ms=end.offset_ms,
            )

    # Inside -----------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Let the hooks under way end, bounded; then cut them off. May be called twice."""
        tasks = tuple(self._tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=CLOSE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _put(self, point: Point, room_id: str, call_id: str, **facts: Any) -> None:
        if not self._hooks.has(point):
            return
        lane = self._lanes.get(call_id)
        if self._waiting >= WAITING_MOST or (lane is not None and len(lane) >= CALL_WAITING_MOST):
            self.dropped += 1
            log.warning("a hook call is dropped", extra={"call_id": call_id, "point": point.value})
            return
        self._waiting += 1
        item = (point, room_id, {"call_id": call_id, **facts})
        if lane is not None:
            lane.append(item)
            return
        self._lanes[call_id] = deque([item])
        task = asyncio.get_running_loop().create_task(self._work(call_id), name=f"hooks {call_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, call_id: str) -> None:
        lane = self._lanes[call_id]
        try:
            while lane:
                point, room_id, facts = lane[0]
                await self._hooks.call(point, room_id, **facts)
                lane.popleft()
                self._waiting -= 1
        finally:
            self._waiting -= len(lane)
            del self._lanes[call_id]


_: type[Watcher] = CallHooks
