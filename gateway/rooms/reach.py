"""Finds where the person of a room is reached in writing: where they last wrote, else as the fallback would."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from gateway.channels.fallback import known
from gateway.channels.fallback.incident import Incident, Rules
from gateway.channels.fallback.policy import (
    WINDOW_CHANNELS,
    WINDOW_MARGIN_S,
    WINDOW_S,
    Reason,
    Send,
    decide,
)
from gateway.channels.fallback.triggers import Trigger
from gateway.config.fallback import FallbackSection
from gateway.errors import MessageError, OptedOut, RoomNotFound, Unreachable
from gateway.model.messages import Channel, ChannelCapabilities
from gateway.store import inbox, room_lines
from gateway.store.identity import is_nobody
from gateway.store.people import is_opted_out
from gateway.store.schema import rooms
from gateway.store.transactor import Transactor

_SCHEMES = frozenset(channel.value for channel in Channel)
_ALL = (
    Channel.WHATSAPP,
    Channel.SMS,
    Channel.RCS,
    Channel.MESSENGER,
    Channel.TELEGRAM,
    Channel.TEAMS,
    Channel.EMAIL,
    Channel.WEBHOOK,
)
"""What is tried after the channels of the configured order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """An address of a person, and ours towards them."""

    channel: Channel
    sender: str
    recipient: str


class Reach:
    """Asks the store, decides by the fallback's policy. Quiet hours do not hold: somebody wants this sent now."""

    def __init__(
        self,
        database: Transactor,
        section: FallbackSection,
        *,
        capabilities: Callable[[Channel], ChannelCapabilities | None],
        clock: Callable[[], float],
        own_addresses: Mapping[Channel, str] | None = None,
    ) -> None:
        """`own_addresses` are ours on channels for which the fallback has no sender configured."""
        self._database = database
        self._own = {one: address for one, address in (own_addresses or {}).items() if address}
        self.replace(section)
        self._capabilities = capabilities
        self._clock = clock

    def replace(self, section: FallbackSection) -> None:
        """Go by another configuration from now on."""
        self._section = section.model_copy(update={"senders": {**self._own, **section.senders}})

    def sender_on(self, channel: Channel) -> str:
        """Return our address on a channel, empty if none is configured."""
        return self._section.senders.get(channel, "")

    def sender_for(self, number: str, channel: Channel) -> str:
        """Return our address on a channel for what concerns one of our numbers, empty if there is none."""
        served = known.served_senders(self._section, number, self._capabilities)
        return served.get(channel, "") or self.sender_on(channel)

    async def of_room(self, room_id: str, channel: Channel | None = None) -> Where:
        """Return where to write to the person of a room, on one channel if it is named.

        Raises `RoomNotFound`, `OptedOut`, `Unreachable` or `StoreError`.
        """
        now = self._clock()
        found = await self._database.read(
            lambda connection: self._find(connection, room_id, channel, now)
        )
        if isinstance(found, MessageError | RoomNotFound):
            raise found
        return found

    def _find(
        self, connection: Connection, room_id: str, channel: Channel | None, now: float
    ) -> Where | MessageError | RoomNotFound:
        """Runs on the store's thread; what is to be raised is returned, errors there are the store's."""
        row = connection.execute(select(rooms).where(rooms.c.room_id == room_id)).first()
        if row is None:
            return RoomNotFound(room_id)
        last = room_lines.last_address(connection, room_id, channel)
        if last is not None:
            where = Where(channel=last[0], recipient=last[1], sender=last[2])
            if is_opted_out(connection, where.channel, where.recipient):
                return OptedOut("the person wants no messages")
            if self._still_reaches(connection, where, now):
                return where
        return self._by_policy(connection, room_id, row.number, row.person, channel, now)

    def _still_reaches(self, connection: Connection, where: Where, now: float) -> bool:
        if self._capabilities(where.channel) is None:
            return False
        if where.channel not in WINDOW_CHANNELS:
            return True
        wrote_at = inbox.last_inbound_at(
            connection, where.channel, sender=where.recipient, recipient=where.sender
        )
        return wrote_at is not None and now - wrote_at < WINDOW_S - WINDOW_MARGIN_S

    def _by_policy(
        self,
        connection: Connection,
        room_id: str,
        number: str,
        person: str,
        channel: Channel | None,
        now: float,
    ) -> Where | MessageError:
        # A caller who withheld the number is known by the room's id, or by it behind a `#`.
        if person == room_id or is_nobody(person.partition("#")[0]):
            return Unreachable("nobody knows who this is: the number was withheld")
        scheme, colon, address = person.partition(":")
        is_written = bool(colon) and scheme in _SCHEMES
        standing = known.standing_of(
            connection,
            room_id=room_id,
            channel=Channel(scheme) if is_written else Channel.VOICE,
            address=address if is_written else person,
            senders=known.served_senders(self._section, number, self._capabilities),
            country=self._section.country,
            incident="",
            now=now,
        )
        order = (channel,) if channel else tuple(dict.fromkeys((*self._section.order, *_ALL)))
        decision = decide(
            Incident(cause="", trigger=Trigger.MISSED, first_at=now),
            replace(standing, is_in_call=False, last_fallback_at=None),
            Rules(order=order, pause_s=0.0),
            now=now,
        )
        if isinstance(decision, Send):
            return Where(
                channel=decision.channel, sender=decision.sender, recipient=decision.recipient
            )
        if decision.reason is Reason.OPTED_OUT:
            return OptedOut("the person wants no messages")
        why = ", ".join(f"{item.channel.value}: {item.reason.value}" for item in decision.skipped)
        return Unreachable(f"there is no way to write to this person ({why or decision.reason})")
