"""The store as the gateway knows it: takes down calls and timelines, gives rooms their history, tells its health."""

import asyncio
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import StoreError
from gateway.model.events import Offered
from gateway.model.hangup import HangupCause
from gateway.model.ids import new_room_id
from gateway.model.line import Role, Said
from gateway.rooms.memory import HISTORY_CHARS, bounded
from gateway.rooms.timeline import Entry, Recorder, RoomView
from gateway.store import earlier, people, sqlite
from gateway.store.backlog import Backlog
from gateway.store.call_filter import EVERY_CALL, CallFilter
from gateway.store.clean import clean
from gateway.store.identity import LONGEST, caller_key, is_nobody, normalise
from gateway.store.job import Job
from gateway.store.leftovers import close_leftovers
from gateway.store.reader import Reader
from gateway.store.records import CallRecord, TimelineLine
from gateway.store.schema import prepare
from gateway.store.transactor import Transactor
from gateway.store.writer import GATHER_S, Writer
from gateway.store.writes import CallClosed, CallOpened, EntryAppended, RoomMade, Write

log = logging.getLogger(__name__)

T = TypeVar("T")

BACKLOG_LIMIT = 20_000
"""Entries that may wait for the disk: about ten minutes of two hundred calls, some 20 MB."""
HISTORY_LINES = 60
ROOMS_REMEMBERED = 4_096
SETTLE_S = 0.5
"""How long a reader waits for what was written just before."""
CLOSE_S = 5.0
REFUSALS_LOGGED_EVERY_S = 60.0


class Store:
    """Implements `Recorder`, and what the API reads. Belongs to the event loop, except for its two threads.

    Acknowledged means committed: `flush` returns when all that was written before is on the disk.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        backlog_limit: int = BACKLOG_LIMIT,
        on_backlog: Callable[[int], None] = lambda _length: None,
        gather_s: float = GATHER_S,
        country: str = "",
    ) -> None:
        """`country` (two letters) is where callers are from whose number has no country code."""
        self._country = country
        self._data_dir = data_dir
        self._path = data_dir / sqlite.DATABASE_FILE
        self._lock = sqlite.InstanceLock(data_dir)
        self._backlog = Backlog(backlog_limit)
        self._on_backlog = on_backlog
        self._gather_s = gather_s
        self._writer: Writer | None = None
        self._reader: Reader | None = None
        self._rooms: OrderedDict[tuple[str, str], str] = OrderedDict()
        """Rooms met lately; a new one is found here before it is committed."""
        self._refusals_logged_at_s = float("-inf")
        self.cut_off: tuple[str, ...] = ()
        """Calls that the last gateway did not end, closed when the store was opened."""

    # Life -------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the database, made or brought up to date. Raises `StoreError` with the remedy."""
        await asyncio.to_thread(self._open)

    def _open(self) -> None:
        sqlite.make_data_dir(self._data_dir)
        self._lock.acquire()
        try:
            engine = sqlite.writing_engine(self._path)
            earlier.keep(engine, self._path)
            with engine.begin() as connection:
                prepare(connection)
                self.cut_off = close_leftovers(connection)
            self._reader = Reader(sqlite.reading_engine(self._path))
        except SQLAlchemyError as error:
            self._lock.release()
            raise StoreError(
                f"cannot open {self._path}: {getattr(error, 'orig', None) or error}"
            ) from error
        except StoreError:
            self._lock.release()
            raise
        if self.cut_off:
            log.warning(
                "calls that a crash left open are closed", extra={"calls": len(self.cut_off)}
            )
        self._writer = Writer(
            engine, self._backlog, on_backlog=self._on_backlog, gather_s=self._gather_s
        )
        self._writer.start()

    async def close(self, timeout_s: float = CLOSE_S) -> None:
        """Write what waits, bounded, and close; may be called twice."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        in_time = await asyncio.to_thread(writer.stop, timeout_s)
        if not in_time or len(self._backlog):
            log.error("the store closes with writes unwritten", extra={"lost": len(self._backlog)})
        if self._reader is not None:
            await asyncio.to_thread(self._reader.close)
        self._lock.release()

    async def flush(self) -> None:
        """Wait until everything accepted so far is committed; on a failing disk, until it recovers."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def finish() -> None:
            if not done.done():
                done.set_result(None)

        def on_writer_thread() -> None:
            # A loop that has closed meanwhile has nobody waiting, and the writer must live on.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(finish)

        self._backlog.when_done(on_writer_thread)
        await done

    async def transact(self, work: Callable[[Connection], T]) -> T:
        """See `Transactor`; what was written before is there when `work` runs."""
        job = Job(work)
        if not self._put(job):
            raise StoreError("the store's backlog is full, or it is closed")
        await self.flush()
        return job.result()

    async def read(self, query: Callable[[Connection], T]) -> T:
        """See `Transactor`."""
        return await self._reading().read(query)

    def trouble(self) -> str:
        """Return what is wrong with the store, empty if nothing is."""
        if self._writer is None:
            return "not open"
        return self._writer.failure

    @property
    def backlog(self) -> int:
        """Writes that wait for the disk."""
        return len(self._backlog)

    @property
    def lost(self) -> int:
        """Writes lost since the start: refused by a full backlog, or with data the database refused."""
        dropped = self._writer.dropped if self._writer is not None else 0
        return self._backlog.refused + dropped

    # Recorder ---------------------------------------------------------------------------------------

    async def room_for(self, *, number: str, person: str) -> RoomView:
        """Return the person's room at our number, made if new; see `Recorder`."""
        number = normalise(clean(number))
        person = caller_key(clean(person), self._country)
        if is_nobody(person):
            room_id = new_room_id()
            self._make_room(room_id, number, f"{person or 'anonymous'}#{room_id}")
            return RoomView(room_id=room_id, history=())
        room_id = await self._find_room(number, person)
        return RoomView(room_id=room_id, history=await self._history(room_id))

    async def _find_room(self, number: str, person: str) -> str:
        known = self._rooms.get((number, person))
        if known is None:
            root = person
            try:
                root = await self._reading().person(person)
                known = await self._reading().room_id(number, root)
            except StoreError as error:
                # The writer finds the room's real id, if it has one, when the disk is back.
                log.warning("a room cannot be looked up", extra={"reason": str(error)})
            # While we waited another call of the same person may have made it.
            known = self._rooms.get((number, root), known)
            if known is None:
                known = new_room_id()
                self._make_room(known, number, root)
            self._remember(number, root, known)
        self._remember(number, person, known)
        return known

    def _remember(self, number: str, person: str, room_id: str) -> None:
        self._rooms[number, person] = room_id
        self._rooms.move_to_end((number, person))
        if len(self._rooms) > ROOMS_REMEMBERED:
            self._rooms.popitem(last=False)

    def _make_room(self, room_id: str, number: str, person: str) -> None:
        self._put(RoomMade(room_id=room_id, number=number, person=person, created_at=time.time()))

    async def _history(self, room_id: str) -> tuple[Said, ...]:
        # Taken before the query: a line that is committed in between is then seen twice, not never.
        waiting = [
            item
            for item in self._backlog.waiting()
            if isinstance(item, EntryAppended)
            and item.entry.room_id == room_id
            and item.entry.role is not None
        ]
        lines: dict[str, Said] = {}
        try:
            for entry_id, line in await self._reading().spoken_lines(room_id, HISTORY_LINES):
                lines[entry_id] = Said(
                    Role(line.role or ""), line.text, bool(line.facts.get("interrupted", False))
                )
        except StoreError as error:
            log.warning("a room's history cannot be read", extra={"reason": str(error)})
        for item in waiting:
            entry = item.entry
            if entry.role is not None:
                interrupted = bool(entry.facts.get("interrupted", False))
                lines.setdefault(item.entry_id, Said(entry.role, entry.text, interrupted))
        return bounded(tuple(lines.values())[-HISTORY_LINES:], chars_most=HISTORY_CHARS)

    def call_offered(self, offered: Offered, *, room_id: str, agent: str) -> None:
        self._put(
            CallOpened(
                call_id=offered.call_id,
                room_id=room_id,
                columns={
                    "endpoint": offered.endpoint.value,
                    "direction": offered.direction.value,
                    "caller": _short(offered.caller),
                    "callee": _short(offered.callee),
                    "caller_name": _short(offered.caller_name),
                    "foreign_id": _short(offered.foreign_id),
                    "source": _short(offered.source)[:80],
                    "agent": _short(agent)[:80],
                    "offered_at": time.time() - (time.monotonic() - offered.at_s),
                },
            )
        )

    def append(self, entry: Entry) -> None:
        facts = {
            clean(name): clean(value) if isinstance(value, str) else value
            for name, value in entry.facts.items()
        }
        kept = replace(entry, text=clean(entry.text), facts=facts)
        self._put(EntryAppended(entry_id=secrets.token_hex(12), entry=kept))

    def call_ended(
        self, call_id: str, *, cause: HangupCause, detail: str, offset_ms: float
    ) -> None:
        self._put(
            CallClosed(call_id=call_id, cause=cause.value, detail=clean(detail), ended_ms=offset_ms)
        )

    def _put(self, write: Write) -> bool:
        accepted = self._backlog.put(write)
        if not accepted:
            now_s = time.monotonic()
            if now_s - self._refusals_logged_at_s >= REFUSALS_LOGGED_EVERY_S:
                self._refusals_logged_at_s = now_s
                log.error(
                    "the store's backlog is full; the newest writes are lost",
                    extra={"refused": self._backlog.refused, "waiting": len(self._backlog)},
                )
        self._on_backlog(len(self._backlog))
        return accepted

    # People -----------------------------------------------------------------------------------------

    async def link(self, key: str, person: str) -> None:
        """Say that two addresses (by `identity.address_key`) are one person, who from now on has one room.

        Raises `StoreError`.
        """
        at = time.time()
        await self.transact(lambda connection: people.link(connection, key, person, at=at))
        self._rooms.clear()

    async def unlink(self, key: str) -> bool:
        """Make an address a person of its own again; returns whether it was linked. Raises `StoreError`."""
        was_linked = await self.transact(lambda connection: people.unlink(connection, key))
        self._rooms.clear()
        return was_linked

    def rooms_in_mind(self) -> frozenset[str]:
        """Return the rooms that were met lately: somebody may be about to write into them."""
        return frozenset(self._rooms.values())

    def forget_rooms_in_mind(self) -> None:
        """From now on look rooms up."""
        self._rooms.clear()

    # Reading ----------------------------------------------------------------------------------------

    async def calls(
        self, limit: int, *, active: bool | None = None, wanted: CallFilter = EVERY_CALL
    ) -> list[CallRecord]:
        """Return the newest calls that fit, newest first. Raises `StoreError`, as all that follow."""
        await self._settle()
        if active is not None:
            wanted = replace(wanted, active=active)
        return await self._reading().calls(limit, wanted)

    async def call(self, call_id: str) -> CallRecord | None:
        await self._settle()
        return await self._reading().call(call_id)

    async def call_timeline(self, call_id: str) -> list[TimelineLine]:
        await self._settle()
        return await self._reading().call_timeline(call_id)

    async def room_timeline(
        self, room_id: str, *, after: int, limit: int
    ) -> list[TimelineLine] | None:
        """Return the room's entries with `seq` above `after`; None if there is no such room."""
        await self._settle()
        lines = await self._reading().room_timeline(room_id, after=after, limit=limit)
        if not lines and not await self._reading().room_exists(room_id):
            return None
        return lines

    def _reading(self) -> Reader:
        if self._reader is None:
            raise StoreError("the store is not open")
        return self._reader

    async def _settle(self) -> None:
        """Let what was written just before be seen; a failing disk does not hold up the reader."""
        if self.trouble():
            return
        try:
            async with asyncio.timeout(SETTLE_S):
                await self.flush()
        except TimeoutError:
            log.debug("reading before all is written", extra={"waiting": len(self._backlog)})


def _short(text: str) -> str:
    return clean(text)[:LONGEST]


_: type[Recorder] = Store
__: type[Transactor] = Store
