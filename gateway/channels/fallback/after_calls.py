"""Has the fallback look at every call that ended, once its end is on disk."""

import asyncio
import logging
from collections import deque
from typing import Protocol

from gateway.errors import StoreError
from gateway.model.events import Offered
from gateway.rooms.timeline import Entry
from gateway.rooms.watched_recorder import CallEnd, Watcher

log = logging.getLogger(__name__)

WAITING_MOST = 10_000
"""Ended calls in memory; more are found again in the store."""
RETRY_S = 5.0


class Flushes(Protocol):
    """The store, as far as waiting for it is concerned."""

    async def flush(self) -> None:
        """Wait until everything accepted so far is committed."""


class Decides(Protocol):
    """The fallback. Both may be called twice for one call."""

    async def call_ended(self, call_id: str) -> object:
        """Act on a call whose end is in the store. Raises `StoreError`."""

    async def catch_up(self) -> int:
        """Act on calls that ended and were not looked at. Raises `StoreError`."""


class AfterCalls:
    """A `Watcher` of what is recorded; `start`, `close`. Belongs to the event loop."""

    def __init__(self, store: Flushes, fallback: Decides) -> None:
        self._store = store
        self._fallback = fallback
        self._waiting: deque[str] = deque()
        self._has_more = True
        """Whether there are calls that only the store knows: those of an earlier life, at first."""
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, with what an earlier life of the gateway left."""
        self._wake.set()
        self._task = asyncio.create_task(self._run(), name="fallback")

    async def close(self, timeout_s: float) -> None:
        """Look at what waits, bounded, and stop; may be called twice."""
        task, self._task = self._task, None
        if task is None:
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            log.warning("ended calls wait for the next start", extra={"calls": len(self._waiting)})
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    @property
    def is_idle(self) -> bool:
        """Whether every call that ended was looked at."""
        return self._idle.is_set()

    # Watcher ----------------------------------------------------------------------------------------

    def call_offered(self, offered: Offered, *, room_id: str, agent: str) -> None:
        """Nothing is to be done yet."""

    def appended(self, entry: Entry) -> None:
        """Lines alone decide nothing."""

    def call_ended(self, end: CallEnd) -> None:
        """Have a call looked at."""
        if len(self._waiting) < WAITING_MOST:
            self._waiting.append(end.call_id)
        else:
            self._has_more = True
        self._idle.clear()
        self._wake.set()

    # Inside -----------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            if not self._waiting and not self._has_more:
                self._idle.set()
                await self._wake.wait()
            self._wake.clear()
            try:
                await self._work()
            except StoreError as error:
                log.warning("the fallback waits for the store", extra={"reason": str(error)})
                await asyncio.sleep(RETRY_S)

    async def _work(self) -> None:
        if self._waiting:
            await self._store.flush()
        while self._waiting:
            call_id = self._waiting[0]
            try:
                await self._fallback.call_ended(call_id)
            except StoreError:
                raise
            except Exception:
                # One call that cannot be judged must not keep the others from it.
                log.exception("a call's end could not be judged", extra={"call_id": call_id})
            self._waiting.popleft()
        if self._has_more:
            self._has_more = False
            try:
                await self._fallback.catch_up()
            except BaseException:
                self._has_more = True
                raise


_: type[Watcher] = AfterCalls
