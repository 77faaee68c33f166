"""Keeps events until they are told: written once, due in order, given up or forgotten after a time.

Every function takes the caller's connection, with a transaction begun.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, and_, delete, exists, func, insert, or_, select, update

from gateway.store.records import CallRecord
from gateway.store.schema import calls
from gateway.store.schema_events import event_webhooks as table

_ERROR_MOST = 255


class EventState(StrEnum):
    """How far an event has come with one target."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    """Given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One event for one target."""

    event_id: str
    target: str
    type: str
    subject: str
    body: str
    created_at: float
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of telling an event."""

    event_id: str
    target: str
    state: EventState
    next_attempt_at: float | None
    error: str = ""


def add(connection: Connection, rows: Sequence[EventRow], *, waiting_most: int) -> int:
    """Write events that are not there yet; returns how many were left out.

    The newest are, where more than `waiting_most` wait for their target already.
    """
    ids = {row.event_id for row in rows}
    found = connection.execute(
        select(table.c.event_id, table.c.target).where(table.c.event_id.in_(ids))
    )
    known = {(row.event_id, row.target) for row in found}
    room = {
        target: waiting_most - waiting(connection, target)
        for target in {row.target for row in rows}
    }
    fresh: dict[tuple[str, str], EventRow] = {}
    for row in rows:
        if (row.event_id, row.target) not in known:
            fresh.setdefault((row.event_id, row.target), row)
    kept = []
    for row in fresh.values():
        if room[row.target] > 0:
            room[row.target] -= 1
            kept.append(row)
    if kept:
        connection.execute(insert(table), [_columns(row) for row in kept])
    return len(fresh) - len(kept)


def _columns(row: EventRow) -> dict[str, Any]:
    return {
        "event_id": row.event_id,
        "target": row.target,
        "type": row.type,
        "subject": row.subject,
        "body": row.body,
        "created_at": row.created_at,
        "attempts": 0,
        "next_attempt_at": row.created_at,
        "state": EventState.PENDING.value,
        "error": "",
    }


def waiting(connection: Connection, target: str = "") -> int:
    """Return how many wait for a target, or for all together."""
    query = select(func.count()).where(table.c.state == EventState.PENDING.value)
    if target:
        query = query.where(table.c.target == target)
    return connection.execute(query).scalar_one()


def due(connection: Connection, target: str, *, at: float, limit: int) -> list[EventRow]:
    """Return events of a target whose time has come, the longest due first."""
    found = connection.execute(
        select(table)
        .where(table.c.target == target, table.c.next_attempt_at <= at)
        .order_by(table.c.next_attempt_at, table.c.created_at)
        .limit(limit)
    )
    return [
        EventRow(
            event_id=row.event_id,
            target=row.target,
            type=row.type,
            subject=row.subject,
            body=row.body,
            created_at=row.created_at,
            attempts=row.attempts,
        )
        for row in found
    ]


def next_due(connection: Connection, target: str) -> float | None:
    """Return when the next event of a target is due; None if none waits."""
    earliest: float | None = connection.execute(
        select(func.min(table.c.next_attempt_at)).where(table.c.target == target)
    ).scalar_one()
    return earliest


def settle(connection: Connection, attempts: Sequence[Attempt]) -> None:
    """Write down what came of attempts."""
    for attempt in attempts:
        connection.execute(
            update(table)
            .where(
                table.c.event_id == attempt.event_id,
                table.c.target == attempt.target,
                table.c.state == EventState.PENDING.value,
            )
            .values(
                state=attempt.state.value,
                attempts=table.c.attempts + 1,
                next_attempt_at=attempt.next_attempt_at,
                error=attempt.error[:_ERROR_MOST],
            )
        )


def give_up_targets(connection: Connection, known: Collection[str]) -> int:
    """Give up what waits for targets that are not configured any more; returns how many."""
    return connection.execute(
        update(table)
        .where(table.c.state == EventState.PENDING.value, table.c.target.not_in(known))
        .values(state=EventState.DEAD.value, next_attempt_at=None, error="not configured any more")
    ).rowcount


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """One event for one target, for people."""

    event_id: str
    target: str
    type: str
    subject: str
    created_at: float
    attempts: int
    next_attempt_at: float | None
    state: str
    error: str


def recent(connection: Connection, *, state: EventState | None, limit: int) -> list[EventRecord]:
    """Return the newest events, newest first."""
    columns = [table.c[name] for name in EventRecord.__dataclass_fields__]
    query = select(*columns).order_by(table.c.created_at.desc(), table.c.event_id).limit(limit)
    if state is not None:
        query = query.where(table.c.state == state.value)
    return [EventRecord(**row._mapping) for row in connection.execute(query)]


def counts(connection: Connection) -> dict[str, int]:
    """Return how many events there are of each state."""
    found = connection.execute(select(table.c.state, func.count()).group_by(table.c.state))
    told = dict.fromkeys((state.value for state in EventState), 0)
    return told | {row[0]: row[1] for row in found}


def replay(connection: Connection, event_id: str, *, at: float) -> int:
    """Have an event that was given up told again, to every target that gave it up; returns to how many."""
    return connection.execute(
        update(table)
        .where(table.c.event_id == event_id, table.c.state == EventState.DEAD.value)
        .values(state=EventState.PENDING.value, attempts=0, next_attempt_at=at, error="")
    ).rowcount


def prune(connection: Connection, *, before: float) -> int:
    """Forget what was settled and made before a moment; returns how many."""
    return connection.execute(
        delete(table).where(table.c.state != EventState.PENDING.value, table.c.created_at < before)
    ).rowcount


def calls_without_end(
    connection: Connection,
    *,
    started: str,
    ended: str,
    cut_off: Collection[str] = (),
    limit: int,
) -> list[CallRecord]:
    """Return calls that are over but whose end was not told: a crash came between.

    They are those whose beginning was told, and those of `cut_off`.
    """
    begun, over = table.alias("begun"), table.alias("over")
    query = (
        select(calls)
        .where(
            calls.c.cause.is_not(None),
            or_(
                exists().where(and_(begun.c.subject == calls.c.call_id, begun.c.type == started)),
                calls.c.call_id.in_(tuple(cut_off)[:limit]),
            ),
            ~exists().where(and_(over.c.subject == calls.c.call_id, over.c.type == ended)),
        )
        .order_by(calls.c.offered_at)
        .limit(limit)
    )
    return [CallRecord(**row._mapping) for row in connection.execute(query)]
