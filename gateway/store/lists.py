"""What the API lists of messages, rooms and people.

Every function takes the caller's connection, with a transaction begun.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, Float, Select, cast, func, or_, select

from gateway.model.messages import Channel, InboundMessage, MessageStatus
from gateway.store.inbox import to_inbound
from gateway.store.message_records import MessageRecord, to_record
from gateway.store.people import person_keys
from gateway.store.schema import calls, rooms, timeline
from gateway.store.schema_messages import consents, identities, inbox, messages, opt_outs


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """Which messages are wanted; what is empty does not matter."""

    statuses: Sequence[MessageStatus] = ()
    room_id: str = ""
    channel: Channel | None = None
    recipient: str = ""
    sender: str = ""
    before_seq: int = 0


def outbound(connection: Connection, wanted: MessageFilter, *, limit: int) -> list[MessageRecord]:
    """Return what we wrote, newest first."""
    query = select(messages).order_by(messages.c.seq.desc()).limit(limit)
    if wanted.statuses:
        query = query.where(messages.c.status.in_([status.value for status in wanted.statuses]))
    if wanted.room_id:
        query = query.where(messages.c.room_id == wanted.room_id)
    if wanted.channel:
        query = query.where(messages.c.channel == wanted.channel.value)
    if wanted.recipient:
        query = query.where(messages.c.recipient == wanted.recipient)
    if wanted.sender:
        query = query.where(messages.c.sender == wanted.sender)
    if wanted.before_seq:
        query = query.where(messages.c.seq < wanted.before_seq)
    return [to_record(row) for row in connection.execute(query)]


def inbound(
    connection: Connection, wanted: MessageFilter, *, limit: int
) -> list[tuple[int, InboundMessage, float | None]]:
    """Return what people wrote, newest first: its number, the message, and when its room had it."""
    query = select(inbox).order_by(inbox.c.seq.desc()).limit(limit)
    if wanted.channel:
        query = query.where(inbox.c.channel == wanted.channel.value)
    if wanted.recipient:
        query = query.where(inbox.c.recipient == wanted.recipient)
    if wanted.sender:
        query = query.where(inbox.c.sender == wanted.sender)
    if wanted.before_seq:
        query = query.where(inbox.c.seq < wanted.before_seq)
    return [(row.seq, to_inbound(row), row.processed_at) for row in connection.execute(query)]


# Rooms ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomRecord:
    """A room with what happened in it last; times are seconds since 1970."""

    room_id: str
    number: str
    person: str
    created_at: float
    last_at: float
    last_kind: str
    last_text: str
    lines: int
    addresses: tuple[str, ...] = field(default=())
    """All keys of the person, where they were asked for."""


def list_rooms(
    connection: Connection,
    *,
    limit: int,
    address: str = "",
    number: str = "",
    before: tuple[float, str] | None = None,
) -> list[RoomRecord]:
    """Return rooms, those in which something happened last first; `before` is the last of the page before.

    `address` finds the rooms of the person behind it, and of everybody whose address has it within.
    """
    last_at = _last_at()
    query = _rooms(last_at).order_by(last_at.desc(), rooms.c.room_id).limit(limit)
    if address:
        keys = person_keys(connection, address)
        query = query.where(
            or_(rooms.c.person.in_(keys), rooms.c.person.contains(address, autoescape=True))
        )
    if number:
        query = query.where(rooms.c.number == number)
    if before is not None:
        at, room_id = before
        query = query.where(or_(last_at < at, (last_at == at) & (rooms.c.room_id > room_id)))
    return [_room(row) for row in connection.execute(query)]


def one_room(connection: Connection, room_id: str) -> RoomRecord | None:
    """Return a room with all addresses of its person; None if there is none of this id."""
    row = connection.execute(_rooms(_last_at()).where(rooms.c.room_id == room_id)).first()
    if row is None:
        return None
    return _room(row, tuple(sorted(person_keys(connection, row.person))))


def calls_of_room(connection: Connection, room_id: str, *, limit: int) -> list[str]:
    """Return the ids of a room's calls, newest first."""
    query = select(calls.c.call_id).where(calls.c.room_id == room_id)
    return list(
        connection.execute(query.order_by(calls.c.offered_at.desc()).limit(limit)).scalars()
    )


def _last_at() -> ColumnElement[float]:
    """When the last line was written: a line of a call counts from the call's offer."""
    return func.coalesce(
        calls.c.offered_at + timeline.c.offset_ms / 1_000,
        cast(timeline.c.facts["at"].as_float(), Float),
        rooms.c.created_at,
    )


def _rooms(last_at: ColumnElement[float]) -> Select[tuple[object, ...]]:
    return select(
        rooms,
        last_at.label("last_at"),
        timeline.c.kind.label("last_kind"),
        timeline.c.text.label("last_text"),
    ).select_from(
        rooms.outerjoin(
            timeline,
            (timeline.c.room_id == rooms.c.room_id) & (timeline.c.seq == rooms.c.last_seq),
        ).outerjoin(calls, calls.c.call_id == timeline.c.call_id)
    )


def _room(row: object, addresses: tuple[str, ...] = ()) -> RoomRecord:
    values = row._mapping  # type: ignore[attr-defined]
    return RoomRecord(
        room_id=values["room_id"],
        number=values["number"],
        person=values["person"],
        created_at=values["created_at"],
        last_at=values["last_at"],
        last_kind=values["last_kind"] or "",
        last_text=values["last_text"] or "",
        lines=values["last_seq"],
        addresses=addresses,
    )


# People -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOutLine:
    """One row of the ledger of opt-outs."""

    seq: int
    key: str
    is_out: bool
    channel: str
    at: float
    source: str
    detail: str


def opt_out_ledger(
    connection: Connection, *, limit: int, keys: Sequence[str] = (), before_seq: int = 0
) -> list[OptOutLine]:
    """Return the ledger, newest first; with `keys`, of these addresses only."""
    query = select(opt_outs).order_by(opt_outs.c.seq.desc()).limit(limit)
    if keys:
        query = query.where(opt_outs.c.key.in_(keys))
    if before_seq:
        query = query.where(opt_outs.c.seq < before_seq)
    return [OptOutLine(**row._mapping) for row in connection.execute(query)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentLine:
    """One row of the ledger of consents."""

    seq: int
    key: str
    channel: str
    is_given: bool
    at: float
    source: str


def consent_ledger(
    connection: Connection, *, limit: int, keys: Sequence[str] = (), before_seq: int = 0
) -> list[ConsentLine]:
    """Return the ledger, newest first; with `keys`, of these addresses only."""
    query = select(consents).order_by(consents.c.seq.desc()).limit(limit)
    if keys:
        query = query.where(consents.c.key.in_(keys))
    if before_seq:
        query = query.where(consents.c.seq < before_seq)
    return [ConsentLine(**row._mapping) for row in connection.execute(query)]


def linked(connection: Connection, *, limit: int, after: str = "") -> list[tuple[str, str, float]]:
    """Return linked addresses by their keys: the key, the person's key and when they were linked."""
    query = select(identities).where(identities.c.key > after).order_by(identities.c.key)
    return [(row.key, row.person, row.linked_at) for row in connection.execute(query.limit(limit))]
