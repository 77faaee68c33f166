"""Has the messages that agents take for others delivered: each once to each address of the configuration.

A message is in the timeline before anybody hears that it was taken; what was not handed to the outbox when
the gateway died is found there by the next life.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from gateway.channels.outbox.outbox import Acknowledgement
from gateway.errors import StoreError
from gateway.model.addresses import parse_address
from gateway.model.events import Direction, Offered
from gateway.model.messages import Channel, OutboundMessage
from gateway.rooms.letters import Accepts
from gateway.rooms.reach import Reach
from gateway.rooms.text_lines import digest
from gateway.rooms.timeline import Entry, Fact, Kind
from gateway.rooms.watched_recorder import CallEnd, Watcher
from gateway.store import outbox_reads, room_lines
from gateway.store.outbox_writes import Acceptance
from gateway.store.schema import calls, rooms, timeline
from gateway.store.transactor import Transactor

log = logging.getLogger(__name__)

USEFUL_S = 7 * 86_400.0
"""What is older is not delivered any more when deliveries are switched on later."""
ROOMS_MOST = 10_000
"""Rooms that may wait; with more, all are looked through."""
LINES_MOST = 100
RETRY_S = 5.0
DELIVERED = "message_delivery"
PREFIX = "taken:"

Where = tuple[Channel, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One message as it stands in the timeline."""

    entry_id: str
    room_id: str
    agent: str
    number: str
    """Ours, that was called or written to."""
    at: float
    facts: Mapping[str, Fact]


class TakenMessages:
    """A `Watcher` of calls; `run` until cancelled. Belongs to the event loop."""

    def __init__(
        self,
        database: Transactor,
        outbox: Accepts,
        reach: Reach,
        deliver_to: Mapping[str, Sequence[str]],
        *,
        clock: Callable[[], float],
    ) -> None:
        """`deliver_to` has addresses by agent. Raises `ValueError` for one that is none."""
        self._database = database
        self._outbox = outbox
        self._reach = reach
        self._deliver_to = _parsed(deliver_to)
        self._clock = clock
        self._rooms: dict[str, None] = {}
        self._all = True
        self._wake = asyncio.Event()

    def replace(self, deliver_to: Mapping[str, Sequence[str]]) -> None:
        """Deliver to these from now on, also what was taken lately. Raises `ValueError`, then nothing changes."""
        parsed = _parsed(deliver_to)
        if parsed != self._deliver_to:
            self._deliver_to = parsed
            self._all = True
            self._wake.set()

    def look(self, room_id: str) -> None:
        """A message was taken in a room."""
        if not self._deliver_to:
            return
        if len(self._rooms) >= ROOMS_MOST:
            self._rooms.clear()
            self._all = True
        self._rooms[room_id] = None
        self._wake.set()

    # Watcher ----------------------------------------------------------------------------------------

    def call_offered(self, offered: Offered, *, room_id: str, agent: str) -> None:
        """Nothing is taken yet."""

    def appended(self, entry: Entry) -> None:
        """Look at what was taken in a call."""
        if entry.kind is Kind.MESSAGE_TAKEN:
            self.look(entry.room_id)

    def call_ended(self, end: CallEnd) -> None:
        """What was taken was looked at when it was."""

    # Inside -----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Deliver what is taken, for ever, beginning with what an earlier life left."""
        while True:
            self._wake.clear()
            try:
                if self._deliver_to:
                    await self._deliver_all()
            except StoreError as error:
                log.warning("taken messages wait for the store", extra={"reason": str(error)})
                await asyncio.sleep(RETRY_S)
                continue
            except Exception:
                log.exception("a taken message could not be handed over")
                await asyncio.sleep(RETRY_S)
                continue
            await self._wake.wait()

    async def _deliver_all(self) -> None:
        while self._all or self._rooms:
            # Taken off first: what is taken while this looks is looked at again.
            is_all, self._all = self._all, False
            room_id = None if is_all else next(iter(self._rooms))
            self._rooms.pop(room_id or "", None)
            try:
                await self._deliver_in(room_id)
            except BaseException:
                self._all = self._all or is_all
                if room_id is not None:
                    self._rooms[room_id] = None
                raise

    async def _deliver_in(self, room_id: str | None) -> None:
        """Deliver what waits in a room, or in all."""
        since = self._clock() - USEFUL_S
        # By a transaction, so that what was appended just before is there.
        waiting = await self._database.transact(
            lambda connection: _waiting(connection, room_id, since)
        )
        for taken, known in waiting:
            for where in self._deliver_to.get(taken.agent, ()):
                if where not in known:
                    # By the address, not by its place: the list may be put in another order.
                    cause = f"{PREFIX}{taken.entry_id}:{digest(*where)}"
                    await self._deliver(taken, where, cause)

    async def _deliver(self, taken: Taken, where: Where, cause: str) -> None:
        channel, recipient = where
        sender = self._reach.sender_for(taken.number, channel)
        at = self._clock()
        # An answer to it belongs to a room of the one who gets it, not to the caller's.
        room_id = await self._database.transact(
            lambda connection: room_lines.room_of(
                connection, channel, number=sender, address=recipient, at=at
            )
        )
        answer = await self._outbox.accept(
            OutboundMessage(
                message_id=f"m_{digest('message', cause)}",
                room_id=room_id,
                channel=channel,
                sender=sender,
                recipient=recipient,
                text=compose(taken),
                cause=cause,
            )
        )
        if answer.acceptance is Acceptance.FULL:
            raise StoreError("the outbox is full")
        await self._note(taken, channel, cause, answer, at)
        log.info(
            "a taken message is on its way",
            extra={"room_id": taken.room_id, "channel": channel.value},
        )

    async def _note(
        self, taken: Taken, channel: Channel, cause: str, answer: Acknowledgement, at: float
    ) -> None:
        entry = Entry(
            room_id=taken.room_id,
            call_id="",
            kind=Kind.AGENT_EVENT,
            offset_ms=0.0,
            facts={
                "at": at,
                "name": DELIVERED,
                "channel": channel.value,
                "outcome": answer.acceptance.value,
                "message_id": answer.message_id,
                "cause": cause,
            },
        )
        await self._database.transact(
            lambda connection: room_lines.append_line(
                connection, entry, entry_id=f"d_{digest('delivery', cause)}"
            )
        )


def _parsed(deliver_to: Mapping[str, Sequence[str]]) -> dict[str, tuple[Where, ...]]:
    return {
        agent: tuple(parse_address(address) for address in addresses)
        for agent, addresses in deliver_to.items()
        if addresses
    }


def compose(taken: Taken) -> str:
    """Return a message as it is delivered."""
    facts = taken.facts
    at = datetime.fromtimestamp(taken.at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    reach = str(facts.get("number", ""))
    lines = [
        f"Message from {facts.get('name') or 'somebody'}{f', {reach}' if reach else ''}",
        f"Taken by {taken.agent} on {taken.number or 'our line'}, {at}",
        "",
        str(facts.get("text", "")),
    ]
    if not facts.get("confirmed", 1):
        lines.append("(The caller did not confirm that this was understood correctly.)")
    return "\n".join(lines)


def _waiting(
    connection: Connection, room_id: str | None, since: float
) -> list[tuple[Taken, set[Where]]]:
    """Return messages taken since then, oldest first, each with the addresses that it was handed over for."""
    query = (
        select(
            timeline,
            calls.c.agent,
            calls.c.callee,
            calls.c.direction,
            calls.c.offered_at,
            rooms.c.number,
        )
        .select_from(
            timeline.join(rooms, rooms.c.room_id == timeline.c.room_id).outerjoin(
                calls, calls.c.call_id == timeline.c.call_id
            )
        )
        .where(timeline.c.kind == Kind.MESSAGE_TAKEN.value)
    )
    if room_id is not None:
        query = query.where(timeline.c.room_id == room_id)
        query = query.order_by(timeline.c.seq.desc()).limit(LINES_MOST)
    found = []
    for row in connection.execute(query).all():
        facts = row.facts
        at = facts.get("at") or ((row.offered_at or 0.0) + row.offset_ms / 1_000)
        if at < since:
            continue
        is_ours = row.direction == Direction.OUTBOUND.value
        taken = Taken(
            entry_id=row.entry_id,
            room_id=row.room_id,
            agent=str(row.agent or facts.get("agent", "")),
            # Of a call that we placed `callee` is the person.
            number=row.number if is_ours else row.callee or row.number,
            at=at,
            facts=facts,
        )
        known = outbox_reads.addresses_of_causes(connection, f"{PREFIX}{row.entry_id}:")
        found.append((taken, known))
    return sorted(found, key=lambda item: item[0].at)


_: type[Watcher] = TakenMessages
