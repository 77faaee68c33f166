"""Forgets rooms in which nothing happened for long, with all that was said in them; in the caller's transaction.

What people decided is kept for ever: opt-outs, consents, and which addresses are one person.
"""

from collections.abc import Collection

from sqlalchemy import Connection, delete, exists, select

from gateway.model.messages import MessageStatus
from gateway.store.schema import calls, rooms, timeline
from gateway.store.schema_messages import inbox, message_attempts, messages
from gateway.store.schema_rooms import media_files, participants, room_channels

_UNDER_WAY = (MessageStatus.QUEUED.value, MessageStatus.SENDING.value)


def forget_rooms(
    connection: Connection, *, before: float, limit: int, but: Collection[str] = ()
) -> tuple[list[str], list[str]]:
    """Delete rooms without anything since then (seconds since 1970), at most so many, and none of `but`.

    Returns their ids, and those of their files, which are to be removed from the disk.
    """
    found = [room_id for room_id in _quiet_rooms(connection, before, limit) if room_id not in but]
    files: list[str] = []
    for room_id in found:
        files += connection.execute(
            select(media_files.c.media_id).where(media_files.c.room_id == room_id)
        ).scalars()
        of_room = select(messages.c.message_id).where(messages.c.room_id == room_id)
        connection.execute(
            delete(message_attempts).where(message_attempts.c.message_id.in_(of_room))
        )
        # Those that others refer to come last.
        for table in (messages, media_files, participants, room_channels, timeline, calls, rooms):
            connection.execute(delete(table).where(table.c.room_id == room_id))
    return found, files


def _quiet_rooms(connection: Connection, before: float, limit: int) -> list[str]:
    called = exists().where(calls.c.room_id == rooms.c.room_id, calls.c.offered_at >= before)
    going_on = exists().where(calls.c.room_id == rooms.c.room_id, calls.c.cause.is_(None))
    written = exists().where(
        messages.c.room_id == rooms.c.room_id,
        (messages.c.created_at >= before) | messages.c.status.in_(_UNDER_WAY),
    )
    rows = connection.execute(
        select(rooms.c.room_id, timeline.c.facts)
        .outerjoin(
            timeline,
            (timeline.c.room_id == rooms.c.room_id) & (timeline.c.seq == rooms.c.last_seq),
        )
        .where(rooms.c.created_at < before, ~called, ~going_on, ~written)
        .order_by(rooms.c.created_at)
        .limit(limit)
    )
    return [row.room_id for row in rows if not _is_since(row.facts, before)]


def _is_since(facts: object, before: float) -> bool:
    """Whether a room's last line, if it is of no call, was written since then."""
    at = facts.get("at") if isinstance(facts, dict) else None
    return isinstance(at, int | float) and at >= before


def forget_inbox(connection: Connection, *, before: float, limit: int) -> int:
    """Delete messages of people that a room has had since before then; returns how many."""
    old = list(
        connection.execute(
            select(inbox.c.seq)
            .where(inbox.c.processed_at.is_not(None), inbox.c.processed_at < before)
            .order_by(inbox.c.seq)
            .limit(limit)
        ).scalars()
    )
    if old:
        connection.execute(delete(inbox).where(inbox.c.seq.in_(old)))
    return len(old)
