"""What can be written, and how a batch of it becomes rows within one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, bindparam, insert, select, update

from gateway.rooms.timeline import Entry, Kind
from gateway.store.job import Job
from gateway.store.schema import calls, rooms, timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomMade:
    """A person called a number for the first time."""

    room_id: str
    number: str
    person: str
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOpened:
    """A call was offered; `columns` are those of the calls table."""

    call_id: str
    room_id: str
    columns: Mapping[str, str | float]


@dataclass(frozen=True, slots=True)
class EntryAppended:
    """A line for a room's timeline."""

    entry_id: str
    entry: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class CallClosed:
    """A call is over."""

    call_id: str
    cause: str
    detail: str
    ended_ms: float


Write = RoomMade | CallOpened | EntryAppended | CallClosed | Job[Any]
W = TypeVar("W", RoomMade, CallOpened, EntryAppended, CallClosed)


class Applier:
    """Turns writes into rows; belongs to the writer's thread.

    Applying the same writes twice leaves one copy, so a batch whose commit failed may be tried again.
    """

    def __init__(self) -> None:
        self._aliases: dict[str, str] = {}
        """Room id we made up while the database could not be read → the one it already had."""

    def apply(
        self, connection: Connection, writes: Sequence[Write], *, again: bool = False
    ) -> None:
        """Write the batch; `again` when it may have been committed before."""
        for room in _of(RoomMade, writes):
            self._make_room(connection, room)
        opened = list(_of(CallOpened, writes))
        entries = list(_of(EntryAppended, writes))
        if again:
            opened, entries = self._not_there_yet(connection, opened, entries)
        if opened:
            self._last_seqs(connection, (self._room(call.room_id) for call in opened))
            connection.execute(
                insert(calls),
                [
                    {**call.columns, "call_id": call.call_id, "room_id": self._room(call.room_id)}
                    for call in opened
                ],
            )
        if entries:
            self._append(connection, entries)
        closed = list(_of(CallClosed, writes))
        if closed:
            connection.execute(
                update(calls)
                .where(calls.c.call_id == bindparam("of_call"), calls.c.cause.is_(None))
                .values(
                    cause=bindparam("new_cause"),
                    detail=bindparam("new_detail"),
                    ended_ms=bindparam("new_ended_ms"),
                ),
                [
                    {
                        "of_call": call.call_id,
                        "new_cause": call.cause,
                        "new_detail": call.detail,
                        "new_ended_ms": call.ended_ms,
                    }
                    for call in closed
                ],
            )
        for write in writes:
            if isinstance(write, Job):
                write.run(connection)

    def _room(self, room_id: str) -> str:
        return self._aliases.get(room_id, room_id)

    def _make_room(self, connection: Connection, room: RoomMade) -> None:
        found = connection.execute(
            select(rooms.c.room_id).where(
                rooms.c.number == room.number, rooms.c.person == room.person
            )
        ).scalar()
        if found is None:
            connection.execute(
                insert(rooms).values(
                    room_id=room.room_id,
                    number=room.number,
                    person=room.person,
                    created_at=room.created_at,
                )
            )
        elif found != room.room_id:
            self._aliases[room.room_id] = found

    def _last_seqs(self, connection: Connection, room_ids: Iterable[str]) -> dict[str, int]:
        """Lock the rooms and return the last number of each timeline.

        Rooms that are missing, because their own write was refused in an overflow, are made.
        """
        wanted = set(room_ids)
        found = connection.execute(
            select(rooms.c.room_id, rooms.c.last_seq)
            .where(rooms.c.room_id.in_(wanted))
            # In one order for all writers, so that two never wait for each other in a circle.
            .order_by(rooms.c.room_id)
            .with_for_update()
        )
        last_seqs: dict[str, int] = {row.room_id: row.last_seq for row in found}
        missing = sorted(wanted - set(last_seqs))
        if missing:
            rows = [
                {"room_id": room_id, "number": "", "person": room_id, "created_at": 0.0}
                for room_id in missing
            ]
            connection.execute(insert(rooms), rows)
            last_seqs |= dict.fromkeys(missing, 0)
        return last_seqs

    def _not_there_yet(
        self, connection: Connection, opened: list[CallOpened], entries: list[EntryAppended]
    ) -> tuple[list[CallOpened], list[EntryAppended]]:
        call_ids = [call.call_id for call in opened]
        entry_ids = [item.entry_id for item in entries]
        known_calls = set(
            connection.execute(
                select(calls.c.call_id).where(calls.c.call_id.in_(call_ids))
            ).scalars()
        )
        known_entries = set(
            connection.execute(
                select(timeline.c.entry_id).where(timeline.c.entry_id.in_(entry_ids))
            ).scalars()
        )
        return (
            [call for call in opened if call.call_id not in known_calls],
            [item for item in entries if item.entry_id not in known_entries],
        )

    def _append(self, connection: Connection, entries: Sequence[EntryAppended]) -> None:
        last_seqs = self._last_seqs(
            connection, (self._room(item.entry.room_id) for item in entries)
        )
        rows = []
        for item in entries:
            entry, room_id = item.entry, self._room(item.entry.room_id)
            last_seqs[room_id] += 1
            rows.append(
                {
                    "room_id": room_id,
                    "seq": last_seqs[room_id],
                    "entry_id": item.entry_id,
                    "call_id": entry.call_id,
                    "kind": entry.kind.value,
                    "offset_ms": entry.offset_ms,
                    "role": entry.role.value if entry.role is not None else None,
                    "text": entry.text,
                    "facts": dict(entry.facts),
                }
            )
        connection.execute(insert(timeline), rows)
        connection.execute(
            update(rooms)
            .where(rooms.c.room_id == bindparam("of_room"))
            .values(last_seq=bindparam("new_last_seq")),
            [
                {"of_room": room_id, "new_last_seq": last_seq}
                for room_id, last_seq in last_seqs.items()
            ],
        )
        answered = [item.entry for item in entries if item.entry.kind is Kind.ANSWERED]
        if answered:
            connection.execute(
                update(calls)
                .where(calls.c.call_id == bindparam("of_call"), calls.c.answered_ms.is_(None))
                .values(answered_ms=bindparam("new_answered_ms")),
                [
                    {"of_call": entry.call_id, "new_answered_ms": entry.offset_ms}
                    for entry in answered
                ],
            )


def _of(kind: type[W], writes: Sequence[Write]) -> Iterable[W]:
    return (write for write in writes if isinstance(write, kind))
