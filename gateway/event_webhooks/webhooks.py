"""All event webhooks of a gateway: who sees what happens, and who tells each program."""

import asyncio
import logging
import time
from collections.abc import Collection, Mapping
from functools import partial

from gateway.config.event_webhooks import EventWebhookSection
from gateway.errors import StoreError
from gateway.event_webhooks.herald import Herald
from gateway.event_webhooks.postman import Postman
from gateway.metrics import Metrics
from gateway.store import event_rows
from gateway.store.event_rows import EventRecord, EventState
from gateway.store.transactor import Transactor

log = logging.getLogger(__name__)

KEEP_S = 7 * 86_400.0
"""How long what was told or given up stays known, so that nothing is told twice after a crash."""
TIDY_EVERY_S = 3_600.0
CLOSE_S = 3.0


class EventWebhooks:
    """`start`, `close`. With no target nothing is written down."""

    def __init__(
        self,
        database: Transactor,
        targets: Mapping[str, EventWebhookSection],
        keys: Mapping[str, bytes],
        metrics: Metrics,
    ) -> None:
        def count(outcome: str, how_many: int) -> None:
            metrics.event_webhooks.labels(outcome).inc(how_many)

        self._database = database
        self._metrics = metrics
        self._postmen = {
            name: Postman(name, section, keys[name], database, count=count)
            for name, section in targets.items()
        }
        self.herald = Herald(database, targets, on_written=self._wake, count=count)
        self._tidying: asyncio.Task[None] | None = None

    @property
    def is_on(self) -> bool:
        return bool(self._postmen)

    async def start(self, cut_off: Collection[str] = ()) -> None:
        """Go on where an earlier life stopped, which left the calls `cut_off` open. Raises `StoreError`."""
        names = tuple(self._postmen)
        given_up = await self._database.transact(
            lambda connection: event_rows.give_up_targets(connection, names)
        )
        if given_up:
            log.warning("events of targets that are gone are given up", extra={"events": given_up})
        if not self.is_on:
            return
        await self.herald.start(cut_off)
        for postman in self._postmen.values():
            postman.start()
        self._tidying = asyncio.create_task(self._tidy(), name="tidy event webhooks")

    async def close(self) -> None:
        """Write down what happened last, bounded, and stop; may be called twice."""
        await self.herald.close(CLOSE_S)
        task, self._tidying = self._tidying, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        for postman in self._postmen.values():
            await postman.close()

    # For the API ------------------------------------------------------------------------------------

    async def recent(self, *, state: EventState | None, limit: int) -> list[EventRecord]:
        """Return the newest events, newest first. Raises `StoreError`, as all that follow."""
        return await self._database.read(partial(event_rows.recent, state=state, limit=limit))

    async def counts(self) -> dict[str, int]:
        """Return how many events there are of each state."""
        return await self._database.read(event_rows.counts)

    async def replay(self, event_id: str) -> int:
        """Have an event that was given up told again; returns to how many targets."""
        number = await self._database.transact(
            lambda connection: event_rows.replay(connection, event_id, at=time.time())
        )
        self._wake()
        return number

    # Inside -----------------------------------------------------------------------------------------

    def _wake(self) -> None:
        for postman in self._postmen.values():
            postman.wake()

    async def _tidy(self) -> None:
        next_prune_s = 0.0
        while True:
            try:
                waiting = await self._database.read(event_rows.waiting)
                self._metrics.event_webhooks_pending.set(waiting)
                if time.monotonic() >= next_prune_s:
                    await self._database.transact(partial(event_rows.prune, before=_forgettable()))
                    next_prune_s = time.monotonic() + TIDY_EVERY_S
            except StoreError as error:
                log.warning("event webhooks wait for the store", extra={"reason": str(error)})
            await asyncio.sleep(10)


def _forgettable() -> float:
    return time.time() - KEEP_S
