"""Fetches the files that people sent beside their messages; no message ever waits for its files."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Protocol

from gateway.channels.media_fetch import TYPES, Fetched
from gateway.channels.media_folder import SPOOL_SCHEME, MediaFolder
from gateway.errors import ProviderError, ProviderRefused, StoreError
from gateway.store import media
from gateway.store.media import MediaFile, MediaStatus
from gateway.store.transactor import Transactor

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Files that are fetched side by side; the rest waits in the store."""
FIRST_RETRY_S = 10.0
RETRY_MOST_S = 600.0
LOOK_MOST_S = 60.0
STORE_RETRY_S = 5.0

Resolve = Callable[[str], Awaitable[str]]
"""Turns a provider's id of a file (`telegram:…`) into its address. Raises `ProviderError`."""


class Fetcher(Protocol):
    """Fetches by address."""

    async def fetch(self, url: str) -> Fetched:
        """Return the file. Raises `ProviderError`."""


class MediaIntake:
    """Belongs to the event loop. `run` until cancelled; `look` when a message with files is in a room.

    A file is known by its id in the store before it is fetched, and said to be there only when it is on the disk:
    a crash costs at most fetching it again.
    """

    def __init__(
        self,
        database: Transactor,
        folder: MediaFolder,
        fetcher: Fetcher,
        *,
        clock: Callable[[], float],
        resolvers: Mapping[str, Resolve] | None = None,
        tries_most: int = 5,
        total_most: int = 2**30,
        size_most: int = 16 * 1024 * 1024,
    ) -> None:
        """`resolvers`: URL scheme → what turns it into an address. Sizes in bytes."""
        self._database = database
        self._folder = folder
        self._fetcher = fetcher
        self._clock = clock
        self._resolvers = dict(resolvers or {})
        self._tries_most = tries_most
        self._total_most = total_most
        self._size_most = size_most
        self._wake = asyncio.Event()
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def look(self) -> None:
        """Look into the store now."""
        self._wake.set()

    async def run(self) -> None:
        """Fetch what is due, for ever, beginning with what an earlier life left."""
        try:
            while True:
                self._wake.clear()
                try:
                    wait_s = await self._start_due()
                except StoreError as error:
                    log.warning("files wait for the store", extra={"reason": str(error)})
                    wait_s = STORE_RETRY_S
                try:
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()
                except TimeoutError:
                    continue
        finally:
            tasks = tuple(self._under_way.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _start_due(self) -> float | None:
        """Start what is due; returns how long nothing else is."""
        room = AT_ONCE - len(self._under_way)
        if room <= 0:
            return None
        but = tuple(self._under_way)
        found = await self._database.read(
            lambda connection: media.waiting(connection, limit=room, but=but)
        )
        now = self._clock()
        for file in found:
            if file.next_try_at > now:
                return min(file.next_try_at - now, LOOK_MOST_S)
            task = asyncio.create_task(self._take(file), name=f"fetch {file.media_id}")
            self._under_way[file.media_id] = task
            task.add_done_callback(partial(self._ended, file.media_id))
        return None

    def _ended(self, media_id: str, _task: asyncio.Task[None]) -> None:
        self._under_way.pop(media_id, None)
        self._wake.set()

    async def _take(self, file: MediaFile) -> None:
        try:
            await self._bring(file)
        except StoreError as error:
            # It stays in the store as it is.
            log.warning("a file waits for the store", extra={"reason": str(error)})
            await asyncio.sleep(STORE_RETRY_S)
        except ProviderRefused as error:
            await self._give_up(file, MediaStatus.REFUSED, str(error))
        except (ProviderError, OSError) as error:
            await self._again(file, str(error))
        except Exception as error:
            # Whatever is wrong with one file, the others go on, and this one ends.
            log.exception("a file could not be dealt with", extra={"media_id": file.media_id})
            await self._again(file, type(error).__name__)

    async def _bring(self, file: MediaFile) -> None:
        if await self._database.read(media.total_bytes) >= self._total_most:
            raise ProviderRefused("the space for files is used up (rooms.media.total_mb)")
        found = await self._get(file)
        sha256 = await asyncio.to_thread(self._folder.write, file.media_id, found.data)
        at = self._clock()
        await self._database.transact(
            lambda connection: media.fetched(
                connection,
                file,
                content_type=found.content_type,
                size_bytes=len(found.data),
                sha256=sha256,
                at=at,
            )
        )
        log.info(
            "a file is kept",
            extra={"room_id": file.room_id, "media_id": file.media_id, "bytes": len(found.data)},
        )

    async def _get(self, file: MediaFile) -> Fetched:
        scheme = file.url.partition(":")[0]
        if scheme == SPOOL_SCHEME:
            if file.content_type not in TYPES:
                raise ProviderRefused(f"files of type {file.content_type} are not taken")
            data = await asyncio.to_thread(self._folder.spooled, file.url)
            if len(data) > self._size_most:
                raise ProviderRefused(f"the file is larger than {self._size_most} bytes")
            return Fetched(file.content_type, data)
        resolve = self._resolvers.get(scheme)
        return await self._fetcher.fetch(file.url if resolve is None else await resolve(file.url))

    async def _again(self, file: MediaFile, error: str) -> None:
        if file.tries + 1 >= self._tries_most:
            await self._give_up(file, MediaStatus.FAILED, error)
            return
        at = self._clock()
        wait_s = min(FIRST_RETRY_S * 3**file.tries, RETRY_MOST_S)
        await self._write(
            lambda connection: media.postponed(
                connection, file, error, at=at, next_try_at=at + wait_s
            )
        )

    async def _give_up(self, file: MediaFile, status: MediaStatus, error: str) -> None:
        log.warning(
            "a file is not taken",
            extra={"room_id": file.room_id, "media_id": file.media_id, "reason": error},
        )
        at = self._clock()
        await self._write(lambda connection: media.given_up(connection, file, status, error, at=at))

    async def _write(self, work: Callable[..., None]) -> None:
        try:
            await self._database.transact(work)
        except StoreError as error:
            log.warning("a file waits for the store", extra={"reason": str(error)})
            await asyncio.sleep(STORE_RETRY_S)
