"""Carries events from the gateway to whoever watches: bounded for each watcher, never waiting for one.

    publish ──► kept (the last `KEPT`, for those who come back) ──► each watcher's queue
    show    ──────────────────────────────────────────────────────► each watcher's newest of that kind

A watcher that falls behind loses its oldest events and is told so (`Subscription.missed`); whoever carries
the events to it then ends the connection, and it comes back with the last id it saw.
"""

import asyncio
import json
import secrets
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KEPT = 1_000
"""Events that can be asked for again; at ten busy calls about five minutes."""
WAITING_MOST = 256
"""Events that may wait for one watcher; when full the oldest is dropped and counted."""
WATCHERS_MOST = 128


@dataclass(frozen=True, slots=True)
class BusStatistics:
    """Counters since the start."""

    watchers: int
    published: int
    missed: int
    """Events dropped because a watcher did not keep up."""


class TooManyWatchers(Exception):
    """Nobody more may watch now."""


class Subscription:
    """What waits for one watcher. Made by `EventBus.subscribe`; on the event loop."""

    def __init__(self, waiting_most: int) -> None:
        self._waiting: deque[bytes] = deque()
        self._waiting_most = waiting_most
        self._shown: OrderedDict[str, bytes] = OrderedDict()
        self._wake = asyncio.Event()
        self._is_closed = False
        self.missed = 0

    def put(self, event: bytes) -> bool:
        """Queue an event; returns False if an older one was dropped for it."""
        has_room = len(self._waiting) < self._waiting_most
        if not has_room:
            self._waiting.popleft()
            self.missed += 1
        self._waiting.append(event)
        self._wake.set()
        return has_room

    def show(self, kind: str, event: bytes) -> None:
        """Queue what replaces the same kind that still waits."""
        self._shown[kind] = event
        self._wake.set()

    def close(self) -> None:
        """No more events: `take` returns nothing from now on, once what waits was taken."""
        self._is_closed = True
        self._wake.set()

    async def take(self) -> bytes:
        """Wait for events and return all of them as one piece; empty once closed."""
        while not self._waiting and not self._shown:
            if self._is_closed:
                return b""
            self._wake.clear()
            await self._wake.wait()
        piece = b"".join((*self._waiting, *self._shown.values()))
        self._waiting.clear()
        self._shown.clear()
        return piece


class EventBus:
    """One per gateway, on the event loop. Publishing costs nothing worth mentioning when nobody watches."""

    def __init__(
        self,
        *,
        kept: int = KEPT,
        waiting_most: int = WAITING_MOST,
        watchers_most: int = WATCHERS_MOST,
    ) -> None:
        # Ids of another run of the gateway must not be taken for ours.
        self._run = secrets.token_hex(4)
        self._seq = 0
        self._missed = 0
        self._kept: deque[tuple[int, bytes]] = deque(maxlen=kept)
        self._waiting_most = waiting_most
        self._watchers_most = watchers_most
        self._watchers: set[Subscription] = set()

    @property
    def is_watched(self) -> bool:
        return bool(self._watchers)

    def publish(self, kind: str, facts: Mapping[str, Any]) -> None:
        """Tell everybody; what was told can be asked for again."""
        self._seq += 1
        event = _written(kind, facts, f"{self._run}-{self._seq}")
        self._kept.append((self._seq, event))
        for watcher in self._watchers:
            if not watcher.put(event):
                self._missed += 1

    def show(self, kind: str, facts: Mapping[str, Any]) -> None:
        """Show everybody how things are now; only the newest of a kind matters, and it is not kept."""
        if self._watchers:
            event = _written(kind, facts)
            for watcher in self._watchers:
                watcher.show(kind, event)

    def subscribe(self, last_id: str = "") -> Subscription:
        """Begin to watch, after the event of `last_id` if that is still known.

        The first event is `hello`; its `is_complete` says whether nothing since `last_id` is missing.
        Raises `TooManyWatchers`.
        """
        if len(self._watchers) >= self._watchers_most:
            raise TooManyWatchers
        since = self._since(last_id)
        missed = [event for seq, event in self._kept if since is not None and seq > since]
        if len(missed) >= self._waiting_most:
            since, missed = None, []
        watcher = Subscription(self._waiting_most)
        newest = f"{self._run}-{self._seq if since is None else since}"
        watcher.put(_written("hello", {"is_complete": since is not None}, newest))
        for event in missed:
            watcher.put(event)
        self._watchers.add(watcher)
        return watcher

    def unsubscribe(self, watcher: Subscription) -> None:
        """Stop watching; may be called twice."""
        self._watchers.discard(watcher)

    def close(self) -> None:
        """End every subscription, so that nobody waits for what will not come."""
        for watcher in self._watchers:
            watcher.close()

    def statistics(self) -> BusStatistics:
        return BusStatistics(len(self._watchers), self._seq, self._missed)

    def _since(self, last_id: str) -> int | None:
        """Return the number behind an id if all that followed it is still kept."""
        run, _, number = last_id.partition("-")
        if run != self._run or not (number.isascii() and number.isdigit() and len(number) < 16):
            return None
        seq = int(number)
        oldest = self._kept[0][0] if self._kept else self._seq + 1
        return seq if oldest - 1 <= seq <= self._seq else None


def _written(kind: str, facts: Mapping[str, Any], event_id: str = "") -> bytes:
    """Return an event as the stream has it (HTML Living Standard, section 9.2.6)."""
    head = f"id: {event_id}\n" if event_id else ""
    # JSON has no line ends outside strings, and none unescaped within.
    data = json.dumps(facts, separators=(",", ":"), ensure_ascii=False)
    return f"{head}event: {kind}\ndata: {data}\n\n".encode("utf-8", "replace")
