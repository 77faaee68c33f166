"""Decides which message leaves next: each person's in the order of acceptance, all people side by side.

A message that waits for its next attempt holds up those behind it in its lane, so that a conversation stays in
order; one that has not been due yet (put off until morning) does not.
"""

import heapq
import itertools
from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter

from gateway.model.messages import Channel

Lane = tuple[Channel, str, str]
"""Channel, sender and recipient: the messages of one lane leave one after the other."""

_by_seq = attrgetter("seq")


@dataclass(slots=True, kw_only=True)
class Item:
    """A message that waits."""

    message_id: str
    seq: int
    lane: Lane
    due_at: float
    """Seconds, on the clock that `take` is given."""
    tries: int = 0
    is_unknown: bool = False
    """Its last attempt may have reached the provider."""
    lookups: int = 0
    """How often the provider was asked in vain what became of that attempt."""
    holds_lane: bool = False
    """It has been due, so those behind it wait for it."""


@dataclass(slots=True)
class _Queue:
    items: list[Item] = field(default_factory=list)
    busy: Item | None = None
    version: int = 0
    """Counts the changes: an older entry of the heap is void."""

    def candidate(self, now: float) -> Item | None:
        for item in self.items:
            if item.due_at <= now:
                return item
            if item.holds_lane:
                return None
        return None

    def due_at(self) -> float | None:
        """When the lane next has a message to send, if nothing changes."""
        earliest: float | None = None
        for item in self.items:
            earliest = item.due_at if earliest is None else min(earliest, item.due_at)
            if item.holds_lane:
                break
        return earliest


class Agenda:
    """Sans-I/O. Bounded by whoever adds; `len` counts what waits and what is under way."""

    def __init__(self) -> None:
        self._queues: dict[Lane, _Queue] = {}
        self._items: dict[str, Item] = {}
        self._heap: list[tuple[float, int, Lane]] = []
        self._versions = itertools.count()

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, message_id: str) -> bool:
        return message_id in self._items

    def __iter__(self) -> Iterator[Item]:
        return iter(list(self._items.values()))

    def add(self, item: Item) -> None:
        """Have a message wait; one that waits already stays as it is."""
        if item.message_id in self._items:
            return
        self._items[item.message_id] = item
        queue = self._queues.setdefault(item.lane, _Queue())
        insort(queue.items, item, key=_by_seq)
        self._changed(item.lane, queue)

    def take(self, now: float) -> Item | None:
        """Return a message that is to leave now and keep its lane to it until `finish` or `put_back`."""
        while self._heap and self._heap[0][0] <= now:
            _, version, lane = heapq.heappop(self._heap)
            queue = self._queues.get(lane)
            if queue is None or queue.version != version:
                continue
            item = queue.candidate(now)
            if item is None:
                self._changed(lane, queue)
                continue
            item.holds_lane = True
            queue.items.remove(item)
            queue.busy = item
            return item
        return None

    def put_back(self, item: Item, *, due_at: float) -> None:
        """The message taken waits again, at its place in the lane."""
        queue = self._queues[item.lane]
        queue.busy = None
        item.due_at = due_at
        insort(queue.items, item, key=_by_seq)
        self._changed(item.lane, queue)

    def finish(self, item: Item) -> None:
        """The message taken is settled."""
        queue = self._queues[item.lane]
        queue.busy = None
        del self._items[item.message_id]
        self._changed(item.lane, queue)

    def discard(self, message_id: str) -> None:
        """Forget a message that was settled otherwise; one that is under way stays until it is finished."""
        item = self._items.get(message_id)
        if item is None:
            return
        queue = self._queues[item.lane]
        if queue.busy is item:
            return
        queue.items.remove(item)
        del self._items[message_id]
        self._changed(item.lane, queue)

    def next_at(self) -> float | None:
        """Return when `take` is next worth calling; None if nothing waits."""
        while self._heap:
            due_at, version, lane = self._heap[0]
            queue = self._queues.get(lane)
            if queue is not None and queue.version == version:
                return due_at
            heapq.heappop(self._heap)
        return None

    def _changed(self, lane: Lane, queue: _Queue) -> None:
        if not queue.items and queue.busy is None:
            del self._queues[lane]
            return
        # Counted across all lanes: a lane that is made anew must not find its old entries valid.
        queue.version = next(self._versions)
        due_at = queue.due_at()
        if queue.busy is None and due_at is not None:
            heapq.heappush(self._heap, (due_at, queue.version, lane))
