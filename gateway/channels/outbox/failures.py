"""Tells of messages that failed until somebody has taken note, across crashes: the fallback depends on it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial

from gateway.errors import StoreError
from gateway.store import outbox_reads as reads
from gateway.store import outbox_writes as writes
from gateway.store.message_records import MessageRecord
from gateway.store.transactor import Transactor

log = logging.getLogger(__name__)

BATCH_MOST = 100
RETRY_S = 15.0

OnFailed = Callable[[MessageRecord], Awaitable[None]]
"""Told at least once of each failure, so it must do nothing the second time; what it raises has it told again."""


class Failures:
    """`run` until cancelled; `look` when a message may have failed."""

    def __init__(
        self, database: Transactor, on_failed: OnFailed, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._on_failed = on_failed
        self._clock = clock
        self._wake = asyncio.Event()

    def look(self) -> None:
        """Look for failures now."""
        self._wake.set()

    async def run(self) -> None:
        """Tell of each failure, for ever, beginning with those of an earlier life."""
        while True:
            self._wake.clear()
            wait_s = None if await self._tell_all() else RETRY_S
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _tell_all(self) -> bool:
        """Tell what is untold; False if something must be told again later."""
        all_told, after_seq = True, 0
        while True:
            try:
                found = await self._database.read(
                    partial(reads.untold, after_seq=after_seq, limit=BATCH_MOST)
                )
            except StoreError as error:
                log.warning("failed messages cannot be read", extra={"reason": str(error)})
                return False
            for record in found:
                all_told &= await self._tell(record)
                # What cannot be told now does not keep the others from it.
                after_seq = record.seq
            if len(found) < BATCH_MOST:
                return all_told

    async def _tell(self, record: MessageRecord) -> bool:
        message_id = record.message.message_id
        try:
            await self._on_failed(record)
            at = self._clock()
            await self._database.transact(
                lambda connection: writes.told(connection, message_id, at=at)
            )
        except Exception:
            log.exception(
                "a failed message could not be dealt with; it is tried again",
                extra={"message_id": message_id},
            )
            return False
        return True
