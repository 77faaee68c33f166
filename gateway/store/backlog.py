"""What waits to be written: bounded, in order, watched by those who wait for a commit.

When it is full the newest entry is refused and counted. Records (rooms, calls) have headroom beyond the
entries' limit, because a missing line hurts less than a missing call.
"""

import threading
from collections import deque
from collections.abc import Callable

from gateway.store.writes import EntryAppended, Write

Waiter = Callable[[], None]


class Backlog:
    """Filled from the event loop, emptied by the writer's thread; every method is safe from both."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._changed = threading.Condition()
        self._writes: deque[Write] = deque()
        self._accepted = 0
        self._done = 0
        self._waiters: list[tuple[int, Waiter]] = []
        self._refused = 0
        self._closed = False

    def __len__(self) -> int:
        return len(self._writes)

    @property
    def refused(self) -> int:
        """Writes refused so far because the backlog was full."""
        return self._refused

    def put(self, write: Write) -> bool:
        """Accept a write, or refuse it; never waits for the disk."""
        limit = self._limit
        if not isinstance(write, EntryAppended):
            limit += limit // 4
        with self._changed:
            if self._closed or len(self._writes) >= limit:
                self._refused += 1
                return False
            self._writes.append(write)
            self._accepted += 1
            self._changed.notify()
            return True

    def when_done(self, waiter: Waiter) -> None:
        """Call `waiter` once, on the writer's thread, when all that is accepted by now is committed."""
        with self._changed:
            if self._done < self._accepted:
                self._waiters.append((self._accepted, waiter))
                self._changed.notify()
                return
        waiter()

    def waiting(self) -> list[Write]:
        """Return what is not committed yet, oldest first."""
        with self._changed:
            return list(self._writes)

    # For the writer's thread ------------------------------------------------------------------------

    def take(self, most: int, gather_s: float) -> list[Write]:
        """Wait for writes and return the oldest, leaving them in place until `done`.

        After the first has come, `gather_s` passes so that more may join its transaction, unless
        somebody waits for the commit. Returns an empty list when closed and empty.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._writes or self._closed)
            if self._writes:
                self._changed.wait_for(
                    lambda: self._waiters or self._closed or len(self._writes) >= most,
                    timeout=gather_s,
                )
            return [self._writes[index] for index in range(min(most, len(self._writes)))]

    def done(self, count: int) -> None:
        """Forget the `count` oldest: they are committed (or can never be)."""
        with self._changed:
            for _ in range(count):
                self._writes.popleft()
            self._done += count
            ready = [waiter for needed, waiter in self._waiters if needed <= self._done]
            self._waiters = [item for item in self._waiters if item[0] > self._done]
        for waiter in ready:
            waiter()

    def pause(self, timeout_s: float) -> None:
        """Wait before the next try; ends early when the backlog is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed, timeout=timeout_s)

    def close(self) -> None:
        """Refuse further writes; what waits is still taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def is_closed(self) -> bool:
        return self._closed
