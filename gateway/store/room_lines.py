"""Lines of a room that are written and read within one transaction: those of text, which must not be lost.

Every function takes the caller's connection, with a transaction begun.
"""

from sqlalchemy import Connection, bindparam, case, func, insert, select, update

from gateway.model.ids import new_room_id
from gateway.model.line import Role, Said
from gateway.model.messages import Channel, InboundMessage
from gateway.rooms.timeline import Entry, Kind
from gateway.store.clean import clean
from gateway.store.identity import address_key, is_nobody, normalise
from gateway.store.people import link_spelling, person_key, person_keys
from gateway.store.schema import rooms, timeline
from gateway.store.schema_messages import messages
from gateway.store.whatsapp_ids import spellings

KEY_LONGEST = 255

# Made once, because making a statement takes longer than running it.
_ANSWERED = (
    select(messages.c.room_id)
    .where(
        messages.c.channel == bindparam("channel"),
        messages.c.recipient == bindparam("theirs"),
        messages.c.sender == bindparam("ours"),
    )
    .order_by(messages.c.seq.desc())
    .limit(1)
)
_ROOM = (
    select(rooms.c.room_id)
    .where(
        rooms.c.number == bindparam("number"),
        rooms.c.person.in_(bindparam("keys", expanding=True)),
    )
    .order_by(
        case((rooms.c.person == bindparam("person"), 0), else_=1),
        rooms.c.created_at,
        rooms.c.room_id,
    )
    .limit(1)
)
_LINE = select(timeline.c.text).where(timeline.c.entry_id == bindparam("entry_id"))
_LAST_SEQ = (
    select(rooms.c.last_seq).where(rooms.c.room_id == bindparam("room_id")).with_for_update()
)
_RAISED = (
    update(rooms)
    .where(rooms.c.room_id == bindparam("of_room"))
    .values(last_seq=bindparam("new_last_seq"))
)
_SPOKEN_BY = (
    select(timeline.c.seq)
    .where(timeline.c.room_id == bindparam("room_id"), timeline.c.role == bindparam("role"))
    .limit(1)
)


def room_of_message(connection: Connection, message: InboundMessage, *, at: float) -> str:
    """Return the room in which a message belongs, made if the person never turned to us before.

    An answer goes to the room of the message that it answers, else to that from which this address was last written
    to, whatever number of ours had the call; anything else to the room of the person and the number written to.
    """
    if message.reply_to:
        threaded = connection.execute(
            select(messages.c.room_id).where(
                messages.c.message_id == message.reply_to,
                messages.c.channel == message.channel.value,
                # Only whom it was written to answers it: an id could have been overheard.
                func.lower(messages.c.recipient) == message.sender.lower(),
            )
        ).scalar()
        if threaded:
            return str(threaded)
    for theirs in spellings(message.channel, message.sender):
        told = {
            "channel": message.channel.value,
            "theirs": theirs,
            "ours": message.recipient,
        }
        answered = connection.execute(_ANSWERED, told).scalar()
        if answered:
            return str(answered)
    return room_of(
        connection, message.channel, number=message.recipient, address=message.sender, at=at
    )


def room_of(
    connection: Connection, channel: Channel, *, number: str, address: str, at: float
) -> str:
    """Return the room of the person behind an address at our number, made if new."""
    number = normalise(number)
    link_spelling(connection, channel, address, at=at)
    person = person_key(connection, address_key(channel, address))[:KEY_LONGEST]
    if not is_nobody(person):
        found = room_of_person(connection, number=number, person=person)
        if found is not None:
            return found
    room_id = new_room_id()
    connection.execute(
        insert(rooms).values(
            room_id=room_id,
            number=number,
            person=room_id if is_nobody(person) else person,
            created_at=at,
        )
    )
    return room_id


def room_of_person(connection: Connection, *, number: str, person: str) -> str | None:
    """Return the room of a person, by any of their keys, at our number; None if there is none.

    Of rooms from before the person's addresses were linked it is the one of the person's first key, else
    the oldest.
    """
    keys = person_keys(connection, person)
    # By far the most have one key: that spares them a query.
    known_as = person if len(keys) == 1 else person_key(connection, person)
    return connection.execute(
        _ROOM, {"number": number, "keys": sorted(keys), "person": known_as}
    ).scalar()


def append_line(connection: Connection, entry: Entry, *, entry_id: str) -> bool:
    """Add a line to its room's timeline; False if a line of this id is there already."""
    room = connection.execute(_LAST_SEQ, {"room_id": entry.room_id}).first()
    if has_line(connection, entry_id):
        return False
    if room is None:
        # Its own write was lost in an overflow: the line matters more.
        connection.execute(
            insert(rooms).values(
                room_id=entry.room_id, number="", person=entry.room_id, created_at=0.0
            )
        )
    seq = 1 if room is None else room.last_seq + 1
    connection.execute(
        insert(timeline).values(
            room_id=entry.room_id,
            seq=seq,
            entry_id=entry_id,
            call_id=entry.call_id,
            kind=entry.kind.value,
            offset_ms=entry.offset_ms,
            role=entry.role.value if entry.role is not None else None,
            text=clean(entry.text),
            facts=dict(entry.facts),
        )
    )
    connection.execute(_RAISED, {"of_room": entry.room_id, "new_last_seq": seq})
    return True


def said_before(
    connection: Connection, room_id: str, *, entry_id: str | None = None, limit: int
) -> tuple[Said, ...]:
    """Return the last lines of the conversation, oldest first; up to and with one line if it is named."""
    query = select(timeline).where(timeline.c.room_id == room_id, timeline.c.role.is_not(None))
    if entry_id is not None:
        last = select(timeline.c.seq).where(timeline.c.entry_id == entry_id).scalar_subquery()
        query = query.where(timeline.c.seq <= last)
    rows = connection.execute(query.order_by(timeline.c.seq.desc()).limit(limit)).all()
    return tuple(
        Said(Role(row.role), row.text, bool(row.facts.get("interrupted", False)))
        for row in reversed(rows)
    )


def was_greeted(connection: Connection, room_id: str) -> bool:
    """Whether any agent has said anything in the room."""
    told = {"room_id": room_id, "role": Role.AGENT.value}
    return connection.execute(_SPOKEN_BY, told).first() is not None


def has_line(connection: Connection, entry_id: str) -> bool:
    """Whether a line of this id is in any timeline."""
    return connection.execute(_LINE, {"entry_id": entry_id}).first() is not None


def line_text(connection: Connection, entry_id: str) -> str | None:
    """Return the text of a line; None if there is none of this id."""
    text = connection.execute(_LINE, {"entry_id": entry_id}).scalar()
    return None if text is None else str(text)


def last_address(
    connection: Connection, room_id: str, channel: Channel | None = None
) -> tuple[Channel, str, str] | None:
    """Return by which channel, from which address and to which of ours the person last wrote in a room."""
    rows = connection.execute(
        select(timeline.c.facts)
        .where(timeline.c.room_id == room_id, timeline.c.kind == Kind.MESSAGE_RECEIVED.value)
        .order_by(timeline.c.seq.desc())
        .limit(200)
    )
    for (facts,) in rows:
        found = Channel(facts["channel"])
        if channel is None or found is channel:
            return found, facts["sender"], facts["recipient"]
    return None
