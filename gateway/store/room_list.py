"""Lists rooms for people: the ones in which something happened lately, each with its last words."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, select

from gateway.store.schema import calls, rooms, timeline
from gateway.store.schema_messages import messages

LOOKED_AT = 10
"""Calls and messages that are looked at for each room of the list."""
_WORDS = ("user_said", "agent_said", "message_received", "message_written")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomLine:
    """One room of the list; times are seconds since 1970."""

    room_id: str
    number: str
    person: str
    created_at: float
    lines: int
    """Entries of its timeline."""
    at: float
    """When something happened last."""
    kind: str
    text: str
    """The last words and which sort of entry they are; empty if there are none."""


def latest_rooms(limit: int) -> Callable[[Connection], list[RoomLine]]:
    """Return a query for the rooms in which something happened last, newest first."""
    # From the newest on and bounded: however old the database is, as much is looked at.
    looked_at = limit * LOOKED_AT
    spoken = (
        select(calls.c.room_id, calls.c.offered_at)
        .order_by(calls.c.offered_at.desc())
        .limit(looked_at)
    )
    sent = (
        select(messages.c.room_id, messages.c.created_at)
        .order_by(messages.c.seq.desc())
        .limit(looked_at)
    )
    made = select(rooms.c.room_id, rooms.c.created_at.label("at")).order_by(
        rooms.c.created_at.desc()
    )

    def query(connection: Connection) -> list[RoomLine]:
        times: dict[str, float] = {}
        for statement in (spoken, sent, made.limit(limit)):
            for room_id, at in connection.execute(statement):
                times[room_id] = max(at, times.get(room_id, 0.0))
        newest = sorted(times, key=lambda room_id: times[room_id], reverse=True)[:limit]
        return [line for room_id in newest if (line := _line(connection, room_id, times[room_id]))]

    return query


def _line(connection: Connection, room_id: str, at: float) -> RoomLine | None:
    room = connection.execute(select(rooms).where(rooms.c.room_id == room_id)).one_or_none()
    if room is None:
        return None
    last = connection.execute(
        select(timeline.c.kind, timeline.c.text, timeline.c.facts)
        .where(timeline.c.room_id == room_id, timeline.c.kind.in_(_WORDS))
        .order_by(timeline.c.seq.desc())
        .limit(1)
    ).one_or_none()
    facts = last.facts if last is not None else {}
    told_at = facts.get("at")
    return RoomLine(
        room_id=room_id,
        number=room.number,
        person=room.person,
        created_at=room.created_at,
        lines=room.last_seq,
        at=max(at, float(told_at)) if isinstance(told_at, int | float) else at,
        kind=last.kind if last is not None else "",
        text=last.text if last is not None else "",
    )
