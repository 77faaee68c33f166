"""Which calls a reader wants: by time, number, person, agent, outcome; and where the last page ended."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, or_, select

from gateway.model.events import Direction
from gateway.store.identity import normalise
from gateway.store.schema import calls


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFilter:
    """Everything that is given must be so."""

    active: bool | None = None
    """True: only calls that go on; False: only those that have ended."""
    since: float | None = None
    """Offered at this moment or later, seconds since 1970."""
    until: float | None = None
    """Offered before this moment."""
    number: str = ""
    """Our number: the one dialled, or the one we dialled from."""
    person: str = ""
    """The other side's number or address."""
    agent: str = ""
    endpoint: str = ""
    direction: str = ""
    causes: tuple[str, ...] = ()
    """Ended by one of these; empty: however."""
    after: tuple[float, str] | None = None
    """Offer and id of the call after which to go on, newest first."""


EVERY_CALL = CallFilter()


def select_calls(wanted: CallFilter, limit: int) -> Select[tuple[object, ...]]:
    """Return the query for the newest calls that fit, newest first."""
    conditions = list(_conditions(wanted))
    query = select(calls).order_by(calls.c.offered_at.desc(), calls.c.call_id).limit(limit)
    return query.where(and_(*conditions)) if conditions else query


def _conditions(wanted: CallFilter) -> list[ColumnElement[bool]]:
    row = calls.c
    found: list[ColumnElement[bool]] = []
    if wanted.active is not None:
        found.append(row.cause.is_(None) if wanted.active else row.cause.is_not(None))
    if wanted.since is not None:
        found.append(row.offered_at >= wanted.since)
    if wanted.until is not None:
        found.append(row.offered_at < wanted.until)
    is_outbound = row.direction == Direction.OUTBOUND.value
    if wanted.number:
        ours = {wanted.number, normalise(wanted.number)}
        found.append(
            or_(and_(~is_outbound, row.callee.in_(ours)), and_(is_outbound, row.caller.in_(ours)))
        )
    if wanted.person:
        theirs = {wanted.person, normalise(wanted.person)}
        found.append(
            or_(
                and_(~is_outbound, row.caller.in_(theirs)),
                and_(is_outbound, row.callee.in_(theirs)),
            )
        )
    for column, value in (
        (row.agent, wanted.agent),
        (row.endpoint, wanted.endpoint),
        (row.direction, wanted.direction),
    ):
        if value:
            found.append(column == value)
    if wanted.causes:
        found.append(row.cause.in_(wanted.causes))
    if wanted.after is not None:
        offered_at, call_id = wanted.after
        found.append(
            or_(
                row.offered_at < offered_at,
                and_(row.offered_at == offered_at, row.call_id > call_id),
            )
        )
    return found
