"""The bounded inbox of a session: everything that happens to a call, in order, for its one task."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")

INBOX_LIMIT = 512
"""Messages that may wait: ten seconds of the busiest call; a session this far behind is beyond help."""


class Inbox(Generic[Item]):
    """A queue with one reader on the same event loop; posting never blocks.

    Full means that the session hangs: the message is refused and `overflowed` stays true, on which the
    session ends the call. The leg's last message is taken even then (`post_last`).
    """

    def __init__(self, limit: int = INBOX_LIMIT) -> None:
        self._items: deque[Item] = deque()
        self._limit = limit
        self._readable = asyncio.Event()
        self.overflowed = False

    def post(self, item: Item) -> bool:
        """Append a message; returns False when it was refused."""
        if len(self._items) >= self._limit:
            self.overflowed = True
            return False
        self.post_last(item)
        return True

    def post_last(self, item: Item) -> None:
        """Append a message over the bound; for the one message after which none comes."""
        self._items.append(item)
        self._readable.set()

    async def get(self) -> Item:
        """Return the oldest message, waiting for one."""
        while not self._items:
            self._readable.clear()
            await self._readable.wait()
        return self._items.popleft()
