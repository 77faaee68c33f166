"""Which addresses are one person, and what that person allowed: links, opt-outs, consents, unreachable channels.

Every function works within the caller's transaction, so that a check and what depends on it are one.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from gateway.model.messages import Channel
from gateway.store.identity import address_key
from gateway.store.schema_messages import consents, identities, opt_outs, unreachables
from gateway.store.whatsapp_ids import network_number

# Asked several times for each message: made once, because making a statement takes longer than running it.
_LINKED = select(identities.c.key, identities.c.person).where(
    or_(
        identities.c.person == bindparam("own_key"),
        identities.c.person
        == select(identities.c.person)
        .where(identities.c.key == bindparam("own_key"))
        .scalar_subquery(),
    )
)
_SAID = (
    select(opt_outs)
    .where(opt_outs.c.key.in_(bindparam("keys", expanding=True)))
    # Not by time: a clock set back must not bring back what was revoked.
    .order_by(opt_outs.c.seq)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOut:
    """What holds for a person who has once said stop or start."""

    is_out: bool
    channel: Channel
    at: float
    detail: str


def person_key(connection: Connection, key: str) -> str:
    """Return the key by which the person behind an address is known."""
    found = select(identities.c.person).where(identities.c.key == key)
    return connection.execute(found).scalar() or key


def person_keys(connection: Connection, key: str) -> set[str]:
    """Return every key of the person behind an address, its own among them."""
    rows = connection.execute(_LINKED, {"own_key": key}).all()
    return {key, *(row.key for row in rows), *(row.person for row in rows)}


def link(connection: Connection, key: str, person: str, *, at: float) -> None:
    """Say that two addresses are one person; all that were linked with either are then one."""
    person = person_key(connection, person)
    old = person_key(connection, key)
    if old == person:
        return
    connection.execute(update(identities).where(identities.c.person == old).values(person=person))
    connection.execute(insert(identities).values(key=old, person=person, linked_at=at))


def link_spelling(connection: Connection, channel: Channel, address: str, *, at: float) -> None:
    """Make an address that is only a channel's own spelling of a number the person of that number."""
    number = network_number(channel, address)
    if number == address:
        return
    key = address_key(channel, address)
    if person_key(connection, key) == key:
        link(connection, key, address_key(channel, number), at=at)


def unlink(connection: Connection, key: str) -> bool:
    """Make an address a person of its own again; returns whether it was linked."""
    return connection.execute(delete(identities).where(identities.c.key == key)).rowcount > 0


def record_opt_out(
    connection: Connection,
    channel: Channel,
    address: str,
    *,
    is_out: bool,
    at: float,
    source: str,
    detail: str = "",
) -> bool:
    """Add to the ledger that a person wants no more messages, or wants them again.

    Returns False for a `source` that is in it already: a webhook that came twice.
    """
    if connection.execute(select(opt_outs.c.seq).where(opt_outs.c.source == source)).first():
        return False
    # For each address: what was said stays true of it when links come and go.
    connection.execute(
        insert(opt_outs),
        [
            {
                "key": key,
                "is_out": is_out,
                "channel": channel.value,
                "at": at,
                "source": source,
                "detail": detail,
            }
            for key in sorted(person_keys(connection, address_key(channel, address)))
        ],
    )
    return True


def opt_out(connection: Connection, channel: Channel, address: str) -> OptOut | None:
    """Return what holds for the person behind an address on every channel; None if nothing was said.

    A stop for one of the person's addresses holds for all: two may have been linked only after it.
    """
    return opt_out_of_keys(connection, person_keys(connection, address_key(channel, address)))


def opt_out_of_keys(connection: Connection, keys: set[str]) -> OptOut | None:
    """Return the same for all keys of a person."""
    rows = connection.execute(_SAID, {"keys": sorted(keys)})
    last = {row.key: row for row in rows}
    if not last:
        return None
    row = max(last.values(), key=lambda row: (row.is_out, row.seq))
    return OptOut(is_out=row.is_out, channel=Channel(row.channel), at=row.at, detail=row.detail)


def has_ever_stopped(connection: Connection, channel: Channel, address: str) -> bool:
    """Whether this person has once wanted no messages, whatever holds now."""
    keys = person_keys(connection, address_key(channel, address))
    query = select(opt_outs.c.seq).where(opt_outs.c.key.in_(keys), opt_outs.c.is_out)
    return connection.execute(query.limit(1)).first() is not None


def is_opted_out(connection: Connection, channel: Channel, address: str) -> bool:
    """Whether this person must not be written to, on any channel."""
    found = opt_out(connection, channel, address)
    return found is not None and found.is_out


def record_consent(
    connection: Connection,
    channel: Channel,
    address: str,
    *,
    is_given: bool,
    at: float,
    source: str,
) -> bool:
    """Add a consent, or its end, for one channel; False if its `source` is known already."""
    if connection.execute(select(consents.c.seq).where(consents.c.source == source)).first():
        return False
    connection.execute(
        insert(consents).values(
            key=address_key(channel, address),
            channel=channel.value,
            is_given=is_given,
            at=at,
            source=source,
        )
    )
    return True


def consent(connection: Connection, channel: Channel, address: str) -> bool | None:
    """Return whether the person consented to this channel; None if nothing was said."""
    keys = person_keys(connection, address_key(channel, address))
    return connection.execute(
        select(consents.c.is_given)
        .where(consents.c.key.in_(keys), consents.c.channel == channel.value)
        .order_by(consents.c.seq.desc())
        .limit(1)
    ).scalar()


def consents_of_keys(connection: Connection, keys: set[str]) -> dict[Channel, bool]:
    """Return what holds for all keys of a person, by channel."""
    rows = connection.execute(
        select(consents.c.channel, consents.c.is_given)
        .where(consents.c.key.in_(keys))
        .order_by(consents.c.seq)
    )
    return {Channel(row.channel): row.is_given for row in rows}


def record_unreachable(
    connection: Connection, channel: Channel, address: str, *, code: str, until: float
) -> None:
    """Remember that a channel does not reach an address, for a while."""
    key = address_key(channel, address)
    here = (unreachables.c.key == key) & (unreachables.c.channel == channel.value)
    connection.execute(delete(unreachables).where(here))
    connection.execute(
        insert(unreachables).values(key=key, channel=channel.value, code=code, until=until)
    )


def unreachable_channels(
    connection: Connection, channel: Channel, address: str, *, at: float
) -> dict[Channel, str]:
    """Return the channels that do not reach the address now, each with the code that said so."""
    rows = connection.execute(
        select(unreachables.c.channel, unreachables.c.code).where(
            unreachables.c.key == address_key(channel, address), unreachables.c.until > at
        )
    )
    return {Channel(row.channel): row.code for row in rows}
