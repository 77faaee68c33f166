"""Ends the calls that a crash of the gateway left open, so that every call has a cause and a last line."""

import secrets

from sqlalchemy import Connection, func, insert, select, update

from gateway.model.hangup import HangupCause
from gateway.rooms.timeline import Kind
from gateway.store.schema import calls, rooms, timeline

_CAUSE = HangupCause.INTERNAL_ERROR
_DETAIL = "the gateway stopped without ending its calls"


def close_leftovers(connection: Connection) -> tuple[str, ...]:
    """Close every call without a cause, at the time of its last entry; returns their ids.

    Run before the first call is taken, by the only gateway that uses this database.
    """
    open_calls = connection.execute(
        select(calls.c.call_id, calls.c.room_id).where(calls.c.cause.is_(None))
    ).all()
    for call_id, room_id in open_calls:
        told = connection.execute(
            select(timeline.c.facts, timeline.c.offset_ms).where(
                timeline.c.call_id == call_id, timeline.c.kind == Kind.ENDED.value
            )
        ).first()
        if told is not None:
            # Its last line was committed, its record was not.
            cause, detail = told.facts.get("cause", _CAUSE.value), told.facts.get("detail", "")
            _close(connection, call_id, cause, detail, told.offset_ms)
            continue
        last_ms = connection.execute(
            select(func.max(timeline.c.offset_ms)).where(timeline.c.call_id == call_id)
        ).scalar()
        ended_ms = float(last_ms or 0.0)
        seq = connection.execute(
            update(rooms)
            .where(rooms.c.room_id == room_id)
            .values(last_seq=rooms.c.last_seq + 1)
            .returning(rooms.c.last_seq)
        ).scalar_one()
        connection.execute(
            insert(timeline).values(
                room_id=room_id,
                seq=seq,
                entry_id=secrets.token_hex(12),
                call_id=call_id,
                kind=Kind.ENDED.value,
                offset_ms=ended_ms,
                text="",
                facts={"cause": _CAUSE.value, "group": _CAUSE.group.value, "detail": _DETAIL},
            )
        )
        _close(connection, call_id, _CAUSE.value, _DETAIL, ended_ms)
    return tuple(call_id for call_id, _ in open_calls)


def _close(connection: Connection, call_id: str, cause: str, detail: str, ended_ms: float) -> None:
    connection.execute(
        update(calls)
        .where(calls.c.call_id == call_id)
        .values(cause=cause, detail=detail, ended_ms=ended_ms)
    )
