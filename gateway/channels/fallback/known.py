"""Reads from the store what the policy must know: the call that failed, what was tried, and the person.

Every function takes the caller's connection, with a transaction begun.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, exists, func, select

from gateway.channels.fallback.incident import Attempt, Form, Standing
from gateway.channels.fallback.phone_number import number_facts
from gateway.channels.fallback.policy import FAILED, step_cause
from gateway.channels.fallback.triggers import CallOutcome, Phase
from gateway.config.fallback import FallbackSection
from gateway.model.events import Direction
from gateway.model.hangup import HangupCause
from gateway.model.messages import Channel, ChannelCapabilities, MessageStatus
from gateway.rooms.timeline import Kind
from gateway.store import inbox, people
from gateway.store.identity import address_key, caller_key, is_nobody
from gateway.store.message_records import MessageRecord, to_record
from gateway.store.schema import calls, rooms, timeline
from gateway.store.schema_messages import messages

NUMBER_CHANNELS = (Channel.SMS, Channel.WHATSAPP, Channel.RCS, Channel.VOICE)
_SCHEMES = frozenset(channel.value for channel in Channel)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedCall:
    """A call that is over, as far as the fallback is concerned."""

    call_id: str
    room_id: str
    number: str
    """Ours."""
    person: str
    outcome: CallOutcome
    ended_at: float


def served_senders(
    section: FallbackSection,
    number: str,
    capabilities: Callable[[Channel], ChannelCapabilities | None],
) -> dict[Channel, str]:
    """Return our address on each channel that a provider serves, for one of our numbers.

    A trunk may tell it without a country code; it is then of the configured country, as callers' numbers are.
    """
    own = number if number.startswith("+") else caller_key(number, section.country)
    ours = {one: own for one in NUMBER_CHANNELS if own.startswith("+")}
    found = {**ours, **section.senders_of(number)}
    return {one: sender for one, sender in found.items() if capabilities(one) is not None}


def ended_call(connection: Connection, call_id: str) -> EndedCall | None:
    """Return a call; None if it is not known or goes on."""
    row = connection.execute(
        select(calls, rooms.c.number, rooms.c.person)
        .join(rooms, rooms.c.room_id == calls.c.room_id)
        .where(calls.c.call_id == call_id)
    ).first()
    if row is None or row.cause is None:
        return None
    is_outbound = row.direction == Direction.OUTBOUND.value
    return EndedCall(
        call_id=call_id,
        room_id=row.room_id,
        # Of a call that we placed the room tells who is who.
        number=row.number if is_outbound else row.callee,
        person=row.person if is_outbound else row.caller,
        outcome=CallOutcome(
            is_outbound=is_outbound,
            phase=_phase(connection, call_id, row.answered_ms),
            cause=HangupCause(row.cause),
        ),
        ended_at=row.offered_at + (row.ended_ms or 0.0) / 1_000,
    )


def _phase(connection: Connection, call_id: str, answered_ms: float | None) -> Phase:
    rows = connection.execute(
        select(timeline.c.kind, timeline.c.facts).where(timeline.c.call_id == call_id)
    ).all()
    kinds = {row.kind for row in rows}
    if Kind.USER_SAID.value in kinds or any(
        row.kind == Kind.GREETING_PLAYED.value and not row.facts.get("interrupted") for row in rows
    ):
        return Phase.TALKING
    if answered_ms is not None or Kind.ANSWERED.value in kinds:
        return Phase.GREETING
    return Phase.RINGING


def undecided_calls(connection: Connection, *, since: float, limit: int) -> list[str]:
    """Return calls that ended since then and about which nothing was decided, oldest first."""
    # Looked up for each call: the timelines of all years are too much to read at a start.
    decided = exists().where(
        timeline.c.call_id == calls.c.call_id, timeline.c.kind == Kind.FALLBACK.value
    )
    return list(
        connection.execute(
            select(calls.c.call_id)
            .where(
                calls.c.offered_at >= since,
                calls.c.cause.is_not(None),
                ~decided,
            )
            .order_by(calls.c.offered_at)
            .limit(limit)
        ).scalars()
    )


def number_of_room(connection: Connection, room_id: str) -> str:
    """Return our number of a room, empty if it is not known."""
    found = select(rooms.c.number).where(rooms.c.room_id == room_id)
    return connection.execute(found).scalar() or ""


def steps(connection: Connection, incident: str) -> list[MessageRecord]:
    """Return the messages that the fallback wrote for an incident, in order."""
    prefix = step_cause(incident, 0)[:-1]
    rows = connection.execute(
        select(messages)
        .where(
            # A range, not LIKE: causes may hold its wildcards.
            messages.c.cause >= prefix,
            messages.c.cause < prefix[:-1] + chr(ord("#") + 1),
        )
        .order_by(messages.c.seq)
    )
    return [to_record(row) for row in rows if row.cause.removeprefix(prefix).isdigit()]


def attempt_of(record: MessageRecord) -> Attempt:
    """Return a message as the policy sees it."""
    return Attempt(
        channel=record.message.channel,
        form=Form.TEMPLATE if record.message.template is not None else Form.TEXT,
        status=MessageStatus(record.status),
        error_code=record.error_code,
    )


def standing_of(
    connection: Connection,
    *,
    room_id: str,
    channel: Channel,
    address: str,
    senders: Mapping[Channel, str],
    country: str,
    incident: str,
    now: float,
) -> Standing:
    """Return what is known of the person behind an address. `senders` are ours, of channels that are served."""
    facts = number_facts(address, country) if channel in NUMBER_CHANNELS else number_facts("")
    own = facts.e164 if facts.e164 else address
    addresses = _addresses(connection, channel, own, country)
    return Standing(
        addresses=addresses,
        senders=senders,
        is_opted_out=any(
            people.is_opted_out(connection, one, value)
            for one, value in {channel: own, **addresses}.items()
        ),
        began=_began(connection, room_id),
        consents={
            one: said
            for one, value in addresses.items()
            if (said := people.consent(connection, one, value)) is not None
        },
        unreachable={
            one: codes[one]
            for one, value in addresses.items()
            if one in (codes := people.unreachable_channels(connection, one, value, at=now))
        },
        last_inbound_at={
            one: at
            for one, value in addresses.items()
            if (
                at := inbox.last_inbound_at(
                    connection, one, sender=value, recipient=senders.get(one, "")
                )
            )
            is not None
        },
        line=facts.kind,
        zones=facts.zones,
        last_fallback_at=_last_fallback_at(connection, room_id, incident),
        is_in_call=_is_in_call(connection, room_id, now),
    )


def _addresses(
    connection: Connection, channel: Channel, own: str, country: str
) -> dict[Channel, str]:
    """Return every address of the person, by channel; what they used themselves comes before what is linked."""
    if is_nobody(own):
        return {}
    found: dict[Channel, str] = {}
    own_key = address_key(channel, own)
    keys = people.person_keys(connection, own_key)
    for key in (own_key, *sorted(keys - {own_key})):
        scheme, colon, rest = key.partition(":")
        if colon and scheme in _SCHEMES:
            found.setdefault(Channel(scheme), rest)
            continue
        number = number_facts(key, country).e164
        for one in NUMBER_CHANNELS if number else ():
            found.setdefault(one, number)
    if channel not in NUMBER_CHANNELS:
        found[channel] = own
    return found


def _began(connection: Connection, room_id: str) -> bool:
    called = select(calls.c.call_id).where(
        calls.c.room_id == room_id, calls.c.direction == Direction.INBOUND.value
    )
    wrote = select(timeline.c.seq).where(
        timeline.c.room_id == room_id, timeline.c.kind == Kind.MESSAGE_RECEIVED.value
    )
    return any(connection.execute(query.limit(1)).first() for query in (called, wrote))


def _last_fallback_at(connection: Connection, room_id: str, incident: str) -> float | None:
    own = step_cause(incident, 0)[:-1]
    rows = connection.execute(
        select(messages.c.cause, messages.c.created_at)
        .where(
            messages.c.room_id == room_id,
            messages.c.cause.startswith("fallback:call:"),
            # The person has had none of those that failed.
            messages.c.status.not_in([status.value for status in FAILED]),
        )
        .order_by(messages.c.seq.desc())
        .limit(20)
    )
    return next((row.created_at for row in rows if not row.cause.startswith(own)), None)


def _is_in_call(connection: Connection, room_id: str, now: float) -> bool:
    number = connection.execute(
        select(func.count())
        .select_from(calls)
        .where(
            calls.c.room_id == room_id,
            calls.c.cause.is_(None),
            calls.c.answered_ms.is_not(None),
            calls.c.offered_at <= now,
        )
    ).scalar()
    return bool(number)
