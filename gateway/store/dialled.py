"""Writes down which calls we placed before they are placed, so that limits hold over a crash and a restart.

Every function takes the caller's connection, with a transaction begun.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, case, delete, func, insert, select, update

from gateway.dialling.policy import DAY_S, HOUR_S, Usage
from gateway.store.schema import calls
from gateway.store.schema_dialled import dialled

MESSAGE_CAUSE = "message:"
"""Begins the cause of calls by which a message reaches somebody; the message's id follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialled:
    """One call of ours."""

    call_id: str
    number: str
    trunk: str
    cause: str
    at: float
    reserved_s: float
    asked: str
    """What was asked for, as a digest."""
    key: str | None = None
    used_s: float | None = None


def find(
    connection: Connection, *, key: str | None = None, call_id: str | None = None
) -> Dialled | None:
    """Return the call that was placed for a key, or by its id."""
    wanted = dialled.c.key == key if key is not None else dialled.c.call_id == call_id
    row = connection.execute(select(dialled).where(wanted)).first()
    return None if row is None else _record(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is known of a call of ours from its record."""

    call_id: str
    cause: str
    """Why it was placed."""
    was_answered: bool
    why: str | None
    """Its hangup cause; None while it goes on, and for one without a record."""
    has_record: bool


def outcomes(connection: Connection, *, cause_prefix: str, since: float) -> list[Outcome]:
    """Return the calls that were placed since then for causes that begin so, oldest first."""
    rows = connection.execute(
        select(dialled.c.call_id, dialled.c.cause, calls.c.answered_ms, calls.c.cause.label("why"))
        .add_columns(calls.c.call_id.label("record"))
        .join(calls, calls.c.call_id == dialled.c.call_id, isouter=True)
        .where(dialled.c.at >= since, dialled.c.cause.startswith(cause_prefix, autoescape=True))
        .order_by(dialled.c.at)
    )
    return [
        Outcome(
            call_id=row.call_id,
            cause=row.cause,
            was_answered=row.answered_ms is not None,
            why=row.why,
            has_record=row.record is not None,
        )
        for row in rows
    ]


def is_of_message(connection: Connection, call_id: str) -> bool:
    """Whether a call was placed for a message: what becomes of it is what becomes of the message."""
    row = connection.execute(select(dialled.c.cause).where(dialled.c.call_id == call_id)).first()
    return row is not None and str(row.cause).startswith(MESSAGE_CAUSE)


def usage(connection: Connection, number: str, *, at: float) -> Usage:
    """Return what counts against the limits for one more call to a number. `at_once` is not known here."""
    # What a crash left unsettled counts with all it may have taken: better too much than too little. So does what
    # lies ahead: the clock may have been set back.
    seconds = func.coalesce(dialled.c.used_s, dialled.c.reserved_s)
    today = connection.execute(
        select(func.count(), func.coalesce(func.sum(seconds), 0.0)).where(
            dialled.c.at > at - DAY_S, dialled.c.at <= at + DAY_S
        )
    ).one()
    to_number = connection.execute(
        select(func.count()).where(
            dialled.c.number == number,
            dialled.c.at > at - HOUR_S,
            dialled.c.at <= at + DAY_S,
        )
    ).scalar_one()
    return Usage(calls_today=today[0], seconds_today=float(today[1]), calls_to_number=to_number)


def reserve(connection: Connection, call: Dialled) -> None:
    """Write a call down that is about to be placed."""
    connection.execute(
        insert(dialled).values(
            call_id=call.call_id,
            key=call.key,
            asked=call.asked,
            number=call.number,
            trunk=call.trunk,
            cause=call.cause,
            at=call.at,
            reserved_s=call.reserved_s,
        )
    )


def settle(connection: Connection, call_id: str, used_s: float) -> None:
    """Write down how long a call was; once."""
    connection.execute(
        update(dialled)
        .where(dialled.c.call_id == call_id, dialled.c.used_s.is_(None))
        .values(used_s=used_s)
    )


def release(connection: Connection, call_id: str) -> None:
    """Forget a call that never left: its key may be used again."""
    connection.execute(
        delete(dialled).where(dialled.c.call_id == call_id, dialled.c.used_s.is_(None))
    )


def settle_leftovers(connection: Connection) -> None:
    """Take from their records how long the calls were that a crash left unsettled.

    A call without a record, or whose end nobody saw, keeps counting in full. Run before the first call.
    """
    length_ms = case(
        (calls.c.answered_ms.is_(None), 0.0), else_=calls.c.ended_ms - calls.c.answered_ms
    )
    rows = connection.execute(
        select(dialled.c.call_id, length_ms)
        .join(calls, calls.c.call_id == dialled.c.call_id)
        .where(dialled.c.used_s.is_(None), calls.c.cause.is_not(None))
        .where(calls.c.cause != "internal_error")
    ).all()
    for call_id, length in rows:
        settle(connection, call_id, max(0.0, float(length or 0.0)) / 1_000)


def _record(row: Row[Any]) -> Dialled:
    return Dialled(
        call_id=row.call_id,
        key=row.key,
        asked=row.asked,
        number=row.number,
        trunk=row.trunk,
        cause=row.cause,
        at=row.at,
        reserved_s=row.reserved_s,
        used_s=row.used_s,
    )
