"""Forgets old rooms and files from time to time, in small steps that hold nobody up."""

import asyncio
import logging
from collections.abc import Callable, Collection
from functools import partial
from typing import Protocol

from sqlalchemy import Connection

from gateway.channels.media_folder import MediaFolder
from gateway.errors import StoreError
from gateway.store import media, pruning
from gateway.store.transactor import Transactor

log = logging.getLogger(__name__)

DAY_S = 86_400.0
EVERY_S = 3_600.0
STEP = 50
"""Rooms, files or messages of one transaction."""
BETWEEN_S = 0.2
"""Between two transactions, for others to write."""
SPOOL_DAYS = 7
"""A file that came inside a mail is fetched within minutes, or never."""


class KnowsRooms(Protocol):
    """The store, as far as the rooms that it keeps in mind are concerned."""

    def rooms_in_mind(self) -> Collection[str]:
        """Return the rooms that were met lately."""

    def forget_rooms_in_mind(self) -> None:
        """From now on look rooms up."""


class Pruner:
    """`run` until cancelled. Days of 0 mean for ever."""

    def __init__(
        self,
        database: Transactor,
        store: KnowsRooms,
        folder: MediaFolder,
        *,
        clock: Callable[[], float],
        rooms_days: int = 0,
        files_days: int = 0,
    ) -> None:
        self._database = database
        self._store = store
        self._folder = folder
        self._clock = clock
        self._rooms_days = rooms_days
        self._files_days = files_days

    async def run(self) -> None:
        """Prune every hour, for ever; the first time an hour from now, when the start is long over."""
        while True:
            # So that a room that somebody is just turning to is known before it could be forgotten.
            self._store.forget_rooms_in_mind()
            await asyncio.sleep(EVERY_S)
            try:
                await self.prune()
            except (StoreError, OSError) as error:
                log.warning("old rooms wait", extra={"reason": str(error)})

    async def prune(self) -> int:
        """Forget what is old now; returns how many rooms. Raises `StoreError` or `OSError`."""
        now = self._clock()
        await asyncio.to_thread(self._folder.forget_spooled, now - SPOOL_DAYS * DAY_S)
        if self._files_days:
            await self._forget_files(now - self._files_days * DAY_S)
        if not self._rooms_days:
            return 0
        before = now - self._rooms_days * DAY_S
        rooms = await self._forget_rooms(before)
        await self._forget_inbox(before)
        if rooms:
            log.info("old rooms are forgotten", extra={"rooms": rooms})
        return rooms

    async def _forget_inbox(self, before: float) -> None:
        count = STEP
        while count == STEP:
            count = await self._database.transact(
                lambda connection: pruning.forget_inbox(connection, before=before, limit=STEP)
            )
            await asyncio.sleep(BETWEEN_S)

    async def _forget_files(self, before: float) -> None:
        while files := await self._database.transact(
            lambda connection: media.forget_before(connection, before, limit=STEP)
        ):
            await self._remove(files)
            await asyncio.sleep(BETWEEN_S)

    async def _forget_rooms(self, before: float) -> int:
        count = 0
        while True:
            rooms, files = await self._database.transact(
                partial(self._forget_some, before, frozenset(self._store.rooms_in_mind()))
            )
            await self._remove(files)
            count += len(rooms)
            if not rooms:
                return count
            await asyncio.sleep(BETWEEN_S)

    def _forget_some(
        self, before: float, but: frozenset[str], connection: Connection
    ) -> tuple[list[str], list[str]]:
        return pruning.forget_rooms(connection, before=before, limit=STEP + len(but), but=but)

    async def _remove(self, files: list[str]) -> None:
        for media_id in files:
            await asyncio.to_thread(self._folder.remove, media_id)
