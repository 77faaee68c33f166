"""Reads calls and timelines, on a thread and a connection of its own, so that neither the event loop nor the
writer ever waits for a reader."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Row, Select, select
from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import StoreError
from gateway.store.call_filter import EVERY_CALL, CallFilter, select_calls
from gateway.store.people import person_key
from gateway.store.records import CallRecord, TimelineLine
from gateway.store.room_lines import room_of_person
from gateway.store.schema import calls, rooms, timeline

T = TypeVar("T")

WAITING_MOST = 256
"""Queries that may wait for the thread; when full the newest is refused."""


class Reader:
    """All queries. Its methods are for the event loop; each raises `StoreError` when it cannot read."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store reader")
        self._waiting = 0

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        self._engine.dispose()

    async def room_id(self, number: str, person: str) -> str | None:
        """Return the id of this person's room at our number, under whichever of their addresses it was made."""
        return await self.read(
            lambda connection: room_of_person(connection, number=number, person=person)
        )

    async def person(self, key: str) -> str:
        """Return the key by which the person behind an address is known: another one if they are linked."""
        return await self.read(lambda connection: person_key(connection, key))

    async def spoken_lines(self, room_id: str, limit: int) -> list[tuple[str, TimelineLine]]:
        """Return the room's last spoken lines, oldest first, each with its entry id."""
        query = (
            _lines(timeline.c.entry_id)
            .where(timeline.c.room_id == room_id, timeline.c.role.is_not(None))
            .order_by(timeline.c.seq.desc())
            .limit(limit)
        )

        def read(connection: Connection) -> list[tuple[str, TimelineLine]]:
            found = [(row.entry_id, _line(row)) for row in connection.execute(query)]
            return found[::-1]

        return await self.read(read)

    async def calls(self, limit: int, wanted: CallFilter = EVERY_CALL) -> list[CallRecord]:
        """Return the newest calls that fit, newest first."""
        query = select_calls(wanted, limit)
        return await self.read(
            lambda connection: [_record(row) for row in connection.execute(query)]
        )

    async def call(self, call_id: str) -> CallRecord | None:
        """Return one call's record."""
        query = select(calls).where(calls.c.call_id == call_id)

        def read(connection: Connection) -> CallRecord | None:
            row = connection.execute(query).one_or_none()
            return None if row is None else _record(row)

        return await self.read(read)

    async def call_timeline(self, call_id: str) -> list[TimelineLine]:
        """Return all entries of one call, as written."""
        query = _lines().where(timeline.c.call_id == call_id).order_by(timeline.c.seq)
        return await self.read(lambda connection: [_line(row) for row in connection.execute(query)])

    async def room_exists(self, room_id: str) -> bool:
        query = select(rooms.c.room_id).where(rooms.c.room_id == room_id)
        return await self.read(lambda connection: connection.execute(query).scalar() is not None)

    async def room_timeline(self, room_id: str, *, after: int, limit: int) -> list[TimelineLine]:
        """Return the room's entries with `seq` above `after`, in order."""
        return await self.read(
            lambda connection: lines_after(connection, room_id, after, limit=limit)
        )

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Return what the query returns, run on the reader's thread."""

        def run() -> T:
            try:
                with self._engine.begin() as connection:
                    return query(connection)
            except SQLAlchemyError as error:
                raise StoreError(f"cannot read: {getattr(error, 'orig', None) or error}") from error

        if self._waiting >= WAITING_MOST:
            raise StoreError("too many queries wait for the store")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, run)
        except RuntimeError as error:
            raise StoreError("the store is closed") from error
        finally:
            self._waiting -= 1


def lines_after(
    connection: Connection, room_id: str, after: int, *, limit: int
) -> list[TimelineLine]:
    """Return a room's entries with `seq` above `after`, in order."""
    query = (
        _lines()
        .where(timeline.c.room_id == room_id, timeline.c.seq > after)
        .order_by(timeline.c.seq)
        .limit(limit)
    )
    return [_line(row) for row in connection.execute(query)]


def _lines(*more: Any) -> Select[Any]:
    return select(timeline, calls.c.offered_at, *more).select_from(
        timeline.outerjoin(calls, calls.c.call_id == timeline.c.call_id)
    )


def _line(row: Row[Any]) -> TimelineLine:
    at = None if row.offered_at is None else row.offered_at + row.offset_ms / 1000
    told_at = row.facts.get("at")
    if at is None and isinstance(told_at, int | float):
        # A line of no call, such as a written message.
        at = float(told_at)
    return TimelineLine(
        room_id=row.room_id,
        seq=row.seq,
        call_id=row.call_id,
        kind=row.kind,
        offset_ms=row.offset_ms,
        at=at,
        role=row.role,
        text=row.text,
        facts=row.facts,
    )


def _record(row: Row[Any]) -> CallRecord:
    return CallRecord(**row._mapping)
