"""Access by channel, agents and participants of rooms, in the caller's transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select, update

from gateway.model.messages import Channel, InboundMessage
from gateway.rooms.access import OPEN, ChannelAccess
from gateway.store.clean import clean
from gateway.store.identity import LONGEST, address_key, normalise
from gateway.store.people import person_key
from gateway.store.schema import calls, rooms
from gateway.store.schema_messages import identities
from gateway.store.schema_rooms import participants, room_channels


class ParticipantKind(StrEnum):
    """In which part somebody takes part."""

    PERSON = "person"
    AGENT = "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """Somebody in a room."""

    kind: ParticipantKind
    key: str
    """An address of the person (`email:ann@example.org`, `+4915…`), or the agent's name."""
    name: str
    joined_at: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomRules:
    """What calls must know of a room before they are taken."""

    number: str
    persons: frozenset[str]
    """Every key under which the person may call."""
    agent: str
    """Who takes calls; empty: whom the number says."""
    voice: ChannelAccess


def exists(connection: Connection, room_id: str) -> bool:
    """Whether there is such a room."""
    return (
        connection.execute(select(rooms.c.room_id).where(rooms.c.room_id == room_id)).first()
        is not None
    )


def access(connection: Connection, room_id: str, channel: Channel) -> ChannelAccess:
    """Return the rules of one channel of a room."""
    row = connection.execute(
        select(room_channels).where(
            room_channels.c.room_id == room_id, room_channels.c.channel == channel.value
        )
    ).first()
    if row is None:
        return OPEN
    return ChannelAccess(can_read=row.can_read, can_write=row.can_write, is_muted=row.is_muted)


def voice_with(connection: Connection, number: str, person: str) -> ChannelAccess:
    """Return the rules for calls with a person at a number of ours; the default if they have no room."""
    root = person_key(connection, normalise(person))
    found = select(rooms.c.room_id).where(
        rooms.c.number == normalise(number), rooms.c.person == root
    )
    room_id = connection.execute(found).scalar()
    return OPEN if room_id is None else access(connection, room_id, Channel.VOICE)


def all_access(connection: Connection, room_id: str) -> dict[Channel, ChannelAccess]:
    """Return the rules of the channels of a room that have any."""
    rows = connection.execute(select(room_channels).where(room_channels.c.room_id == room_id))
    return {
        Channel(row.channel): ChannelAccess(
            can_read=row.can_read, can_write=row.can_write, is_muted=row.is_muted
        )
        for row in rows
    }


def set_access(
    connection: Connection, room_id: str, channel: Channel, rules: ChannelAccess, *, at: float
) -> None:
    """Give a channel of a room its rules; those that let everything pass need no row."""
    connection.execute(
        delete(room_channels).where(
            room_channels.c.room_id == room_id, room_channels.c.channel == channel.value
        )
    )
    if rules != OPEN:
        connection.execute(
            insert(room_channels).values(
                room_id=room_id,
                channel=channel.value,
                can_read=rules.can_read,
                can_write=rules.can_write,
                is_muted=rules.is_muted,
                changed_at=at,
            )
        )


def agents(connection: Connection, room_id: str) -> tuple[str, ...]:
    """Return the names of a room's own agents, in order; empty: whom the number says."""
    query = (
        select(participants.c.key)
        .where(
            participants.c.room_id == room_id,
            participants.c.kind == ParticipantKind.AGENT.value,
        )
        .order_by(participants.c.position)
    )
    return tuple(connection.execute(query).scalars())


def set_agents(connection: Connection, room_id: str, names: Sequence[str], *, at: float) -> None:
    """Give a room its own agents; none: whom the number says."""
    kind = ParticipantKind.AGENT.value
    of_room = (participants.c.room_id == room_id) & (participants.c.kind == kind)
    known: Mapping[str, float] = {
        row.key: row.joined_at for row in connection.execute(select(participants).where(of_room))
    }
    connection.execute(delete(participants).where(of_room))
    for position, name in enumerate(dict.fromkeys(names)):
        connection.execute(
            insert(participants).values(
                room_id=room_id,
                kind=kind,
                key=name,
                position=position,
                joined_at=known.get(name, at),
            )
        )


def joined(connection: Connection, room_id: str, message: InboundMessage) -> None:
    """Say that the person took part from an address; the newest name they gave there counts."""
    key = address_key(message.channel, message.sender)
    name = clean(message.sender_name)[:LONGEST]
    this = (
        (participants.c.room_id == room_id)
        & (participants.c.kind == ParticipantKind.PERSON.value)
        & (participants.c.key == key)
    )
    row = connection.execute(select(participants).where(this)).first()
    if row is None:
        connection.execute(
            insert(participants).values(
                room_id=room_id,
                kind=ParticipantKind.PERSON.value,
                key=key,
                name=name,
                joined_at=message.received_at,
            )
        )
    elif name and name != row.name:
        connection.execute(update(participants).where(this).values(name=name))


def all_participants(connection: Connection, room_id: str) -> list[Participant]:
    """Return who took part in a room, in writing or on the telephone, first come first."""
    found: dict[tuple[ParticipantKind, str], Participant] = {}
    by_phone = (
        select(calls.c.agent, calls.c.offered_at)
        .where(calls.c.room_id == room_id, calls.c.agent != "")
        .order_by(calls.c.offered_at)
        .limit(1_000)
    )
    for row in connection.execute(by_phone):
        found.setdefault(
            (ParticipantKind.AGENT, row.agent),
            Participant(
                kind=ParticipantKind.AGENT, key=row.agent, name="", joined_at=row.offered_at
            ),
        )
    person = connection.execute(select(rooms).where(rooms.c.room_id == room_id)).first()
    if person is not None and person.person:
        found[ParticipantKind.PERSON, person.person] = Participant(
            kind=ParticipantKind.PERSON, key=person.person, name="", joined_at=person.created_at
        )
    for row in connection.execute(select(participants).where(participants.c.room_id == room_id)):
        kind = ParticipantKind(row.kind)
        found[kind, row.key] = Participant(
            kind=kind, key=row.key, name=row.name, joined_at=row.joined_at
        )
    return sorted(found.values(), key=lambda one: (one.joined_at, one.kind, one.key))


def rooms_with_rules(connection: Connection, *, limit: int) -> list[RoomRules]:
    """Return what calls must know of all rooms that have agents or voice rules of their own."""
    own_agents = select(participants.c.room_id).where(
        participants.c.kind == ParticipantKind.AGENT.value
    )
    own_voice = select(room_channels.c.room_id).where(
        room_channels.c.channel == Channel.VOICE.value
    )
    rows = connection.execute(
        select(rooms)
        .where(rooms.c.room_id.in_(own_agents) | rooms.c.room_id.in_(own_voice))
        .order_by(rooms.c.created_at.desc())
        .limit(limit)
    ).all()
    linked: dict[str, set[str]] = {}
    if rows:
        people = {row.person for row in rows}
        for row in connection.execute(
            select(identities.c.key, identities.c.person).where(identities.c.person.in_(people))
        ):
            linked.setdefault(row.person, set()).add(row.key)
    return [
        RoomRules(
            number=row.number,
            persons=frozenset({row.person, *linked.get(row.person, ())}),
            agent=next(iter(agents(connection, row.room_id)), ""),
            voice=access(connection, row.room_id, Channel.VOICE),
        )
        for row in rows
    ]
