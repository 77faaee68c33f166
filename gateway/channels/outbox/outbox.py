"""Accepts messages, durably, and sees to it that each is sent or told to have failed."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection

from gateway.channels.outbox.agenda import Item
from gateway.channels.outbox.courier import Courier
from gateway.channels.outbox.delivery import Delivery
from gateway.channels.outbox.failures import Failures, OnFailed
from gateway.channels.outbox.recipient_limit import RecipientLimit
from gateway.channels.outbox.retry import RetryPolicy
from gateway.model.messages import (
    Channel,
    ChannelCapabilities,
    MessageStatus,
    OutboundMessage,
    Receipt,
    Transport,
)
from gateway.store import outbox_reads as reads
from gateway.store import outbox_writes as writes
from gateway.store.message_records import AttemptRecord, MessageRecord, PendingMessage
from gateway.store.message_states import Trigger
from gateway.store.outbox_writes import Acceptance, Failure
from gateway.store.receipt_writes import apply_receipt
from gateway.store.transactor import Transactor

log = logging.getLogger(__name__)

T = TypeVar("T")

PENDING_MOST = 50_000
CLOSE_S = 5.0
LOOK_S = 0.02
NO_TRANSPORT = "no_transport"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """What became of a message handed to the outbox."""

    acceptance: Acceptance
    message_id: str
    """Of the message for this cause, which for a duplicate is an earlier one; empty if there is none."""


class Outbox:
    """Belongs to the event loop. `start`, `accept` as often as wanted, perhaps `finish`, `close`.

    At least once: what was accepted is sent even if the process is killed at any point. At most once as far as can
    be known: an attempt whose answer was lost is looked into (by receipts, by asking the provider, by a key that the
    provider honours) before there is another. Holds at most `pending_most` messages that wait; further ones
    are refused.
    """

    def __init__(
        self,
        database: Transactor,
        transports: Iterable[Transport],
        *,
        clock: Callable[[], float] = time.time,
        policy: RetryPolicy | None = None,
        limit: RecipientLimit | None = None,
        dice: random.Random | None = None,
        on_change: Callable[[MessageRecord], None] = lambda _record: None,
        on_failed: OnFailed | None = None,
        pending_most: int = PENDING_MOST,
    ) -> None:
        """`on_change` is told once of each status that a message comes to, `sending` left out."""
        self._database = database
        self._transports = {transport.provider: transport for transport in transports}
        self._clock = clock
        self._policy = policy or RetryPolicy()
        self._on_change = on_change
        self._pending_most = pending_most
        limit = limit or RecipientLimit()
        self._couriers = {
            transport.provider: Courier(
                transport.provider,
                Delivery(
                    database,
                    transport,
                    clock=clock,
                    policy=self._policy,
                    dice=dice or random.Random(),
                ),
                limit,
                clock=clock,
                on_change=self._changed,
            )
            for transport in self._transports.values()
        }
        self._failures = Failures(database, on_failed, clock=clock) if on_failed else None
        self._running: list[asyncio.Task[None]] = []
        self._finishing: set[asyncio.Task[Any]] = set()
        self._accepting = 0

    async def start(self) -> None:
        """Take up what an earlier life left. Raises `StoreError`."""
        at = self._clock()
        pending = await self._database.transact(
            lambda connection: reads.recover(connection, at=at, settle_s=self._policy.settle_s)
        )
        for message in pending:
            await self._enqueue(message)
        if pending:
            log.info(
                "messages wait from before",
                extra={
                    "messages": len(pending),
                    "unknown": sum(message.is_unknown for message in pending),
                },
            )
        runs = [courier.run() for courier in self._couriers.values()]
        if self._failures is not None:
            runs.append(self._failures.run())
        self._running = [asyncio.create_task(run) for run in runs]

    async def finish(self, timeout_s: float) -> None:
        """Wait until all that is due has left, bounded; what waits for later or for a provider stays."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + timeout_s
        while not all(courier.is_idle for courier in self._couriers.values()):
            if loop.time() >= until_s:
                log.warning("messages wait for the next start", extra={"messages": self.pending})
                return
            # Looked at, not waited for: this is the end, and there are many reasons to be idle.
            await asyncio.sleep(LOOK_S)

    async def close(self, timeout_s: float = CLOSE_S) -> None:
        """Stop sending; what is under way may end in time. May be called twice."""
        running, self._running = self._running, []
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if self._finishing:
            await asyncio.wait(self._finishing, timeout=timeout_s)
        await asyncio.gather(*(courier.finish(timeout_s) for courier in self._couriers.values()))

    @property
    def pending(self) -> int:
        """Messages that wait or are under way."""
        return sum(len(courier) for courier in self._couriers.values())

    @property
    def couriers(self) -> list[Courier]:
        """One for each provider, for health and metrics."""
        return list(self._couriers.values())

    def capabilities(self, channel: Channel) -> ChannelCapabilities | None:
        """Return what a channel carries; None if nothing serves it."""
        transport = self._transport(channel)
        return None if transport is None else transport.capabilities(channel)

    async def accept(
        self, message: OutboundMessage, *, not_before: float | None = None
    ) -> Acknowledgement:
        """Write a message down to be sent, at once or at `not_before` (seconds since 1970).

        When this returns `accepted` the message is on the disk. Raises `StoreError` when that cannot be, and
        `ValueError` for a message without id or cause.
        """
        if self.pending + self._accepting >= self._pending_most:
            log.error("the outbox is full", extra={"pending": self.pending})
            return Acknowledgement(acceptance=Acceptance.FULL, message_id="")
        self._accepting += 1
        try:
            # A caller that is cancelled meanwhile does not keep what is written from being sent.
            return await self._finish(self._accept(message, not_before))
        finally:
            self._accepting -= 1

    async def _accept(self, message: OutboundMessage, not_before: float | None) -> Acknowledgement:
        at = self._clock()
        due_at = at if not_before is None else max(at, not_before)

        def work(connection: Connection) -> tuple[Acceptance, str, MessageRecord | None]:
            acceptance, message_id = writes.accept(connection, message, at=at, not_before=due_at)
            return acceptance, message_id, writes.get(connection, message_id)

        acceptance, message_id, record = await self._database.transact(work)
        if acceptance is Acceptance.ACCEPTED and record is not None:
            if record.created_at == at:
                # Otherwise somebody writes what an earlier life wrote.
                self._changed(record)
            await self._enqueue(_pending(record))
        return Acknowledgement(acceptance=acceptance, message_id=message_id)

    async def receive(self, receipt: Receipt) -> MessageRecord | None:
        """Apply a provider's receipt; returns the message, None if it is not known. Raises `StoreError`."""
        return await self._finish(self._receive(receipt))

    async def _receive(self, receipt: Receipt) -> MessageRecord | None:
        record = await self._database.transact(
            lambda connection: apply_receipt(connection, receipt)
        )
        if record is not None:
            if record.status not in (MessageStatus.QUEUED, MessageStatus.SENDING):
                for courier in self._couriers.values():
                    courier.discard(record.message.message_id)
            self._changed(record)
        return record

    async def replay(self, message_id: str) -> MessageRecord | None:
        """Send a dead letter again; None if there is none of this id. Raises `StoreError`."""
        return await self._finish(self._replay(message_id))

    async def _replay(self, message_id: str) -> MessageRecord | None:
        at = self._clock()
        record = await self._database.transact(
            lambda connection: writes.replay(connection, message_id, at=at)
        )
        if record is not None:
            await self._enqueue(_pending(record))
            self._changed(record)
        return record

    async def messages(
        self,
        *,
        limit: int,
        statuses: Sequence[MessageStatus] = (),
        room_id: str | None = None,
        before_seq: int | None = None,
    ) -> list[MessageRecord]:
        """Return messages, newest first. Raises `StoreError`."""
        return await self._database.read(
            lambda connection: reads.list_messages(
                connection,
                limit=limit,
                statuses=statuses,
                room_id=room_id,
                before_seq=before_seq,
            )
        )

    async def message(self, message_id: str) -> tuple[MessageRecord, list[AttemptRecord]] | None:
        """Return one message and the attempts to send it; None if it is not known. Raises `StoreError`."""

        def query(connection: Connection) -> tuple[MessageRecord, list[AttemptRecord]] | None:
            record = writes.get(connection, message_id)
            if record is None:
                return None
            return record, reads.attempts(connection, message_id)

        return await self._database.read(query)

    async def counts(self) -> dict[MessageStatus, int]:
        """Return how many messages there are of each status. Raises `StoreError`."""
        return await self._database.read(reads.counts)

    async def _enqueue(self, message: PendingMessage) -> None:
        transport = self._transport(message.channel)
        if message.is_unknown:
            # Whoever may have it is asked, even if another serves the channel by now.
            transport = self._transports.get(message.provider, transport)
        if transport is None:
            await self._undeliverable(message)
            return
        self._couriers[transport.provider].add(
            Item(
                message_id=message.message_id,
                seq=message.seq,
                lane=(message.channel, message.sender, message.recipient),
                due_at=message.due_at,
                tries=message.tries,
                is_unknown=message.is_unknown,
                holds_lane=message.tries > 0,
            )
        )

    async def _undeliverable(self, message: PendingMessage) -> None:
        at = self._clock()
        failure = Failure(code=NO_TRANSPORT, detail=f"no provider serves {message.channel.value}")
        record = await self._database.transact(
            lambda connection: writes.not_taken(
                connection, message.message_id, failure, Trigger.GIVEN_UP, at=at
            )
        )
        if record is not None:
            self._changed(record)

    def _transport(self, channel: Channel) -> Transport | None:
        for transport in self._transports.values():
            if transport.capabilities(channel) is not None:
                return transport
        return None

    def _changed(self, record: MessageRecord) -> None:
        if self._failures is not None and record.status in (
            MessageStatus.FAILED,
            MessageStatus.DEAD,
        ):
            self._failures.look()
        if record.before is record.status:
            return
        try:
            self._on_change(record)
        except Exception:
            log.exception("what follows a message's change failed")

    async def _finish(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.get_running_loop().create_task(work)
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)
        return await asyncio.shield(task)


def _pending(record: MessageRecord) -> PendingMessage:
    message = record.message
    return PendingMessage(
        message_id=message.message_id,
        seq=record.seq,
        channel=message.channel,
        sender=message.sender,
        recipient=message.recipient,
        due_at=record.next_attempt_at,
        tries=record.tries,
        provider=record.provider,
    )
