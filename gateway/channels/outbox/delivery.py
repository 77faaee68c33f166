"""One attempt to deliver a message: written down, made, written down; and what becomes of a lost answer."""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from gateway.channels.outbox.agenda import Item
from gateway.channels.outbox.retry import RetryPolicy
from gateway.model.messages import (
    Accepted,
    CanFind,
    MessageStatus,
    SendFailed,
    TakesKey,
    TakesLong,
    Transport,
)
from gateway.store import outbox_reads as reads
from gateway.store import outbox_writes as writes
from gateway.store.message_records import MessageRecord
from gateway.store.message_states import Trigger
from gateway.store.outbox_writes import Failure, Verdict
from gateway.store.transactor import Transactor

log = logging.getLogger(__name__)

SEND_TIMEOUT_S = 30.0
FIND_TIMEOUT_S = 30.0
OUT_OF_TRIES = "out_of_tries"
OUTCOME_UNKNOWN = "outcome_unknown"


class Health(StrEnum):
    """What an attempt tells of the provider."""

    WORKS = "works"
    FAILS = "fails"
    UNTOLD = "untold"
    """It was not asked."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an attempt."""

    record: MessageRecord | None
    """As it is now; None if it was no longer ours to send."""
    health: Health

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing more to do."""
        return self.record is None or self.record.status not in (
            MessageStatus.QUEUED,
            MessageStatus.SENDING,
        )


class Delivery:
    """Delivers by one transport. A cancelled attempt leaves the message `sending`, to be looked into later."""

    def __init__(
        self,
        database: Transactor,
        transport: Transport,
        *,
        clock: Callable[[], float],
        policy: RetryPolicy,
        dice: random.Random,
        send_timeout_s: float = SEND_TIMEOUT_S,
    ) -> None:
        self._database = database
        self._transport = transport
        self._clock = clock
        self._policy = policy
        self._dice = dice
        self._send_bound_s = (
            transport.send_bound_s if isinstance(transport, TakesLong) else send_timeout_s
        )

    async def attempt(self, item: Item) -> Result:
        """Try once. Raises `StoreError` only if the database refuses what is written."""
        if item.is_unknown:
            result = await self._look_into(item)
            if result is not None:
                return result
        at = self._clock()
        claim = await self._database.transact(
            lambda connection: writes.claim(
                connection,
                item.message_id,
                provider=self._transport.provider,
                at=at,
                resend=item.is_unknown,
            )
        )
        if claim.verdict is not Verdict.SEND or claim.record is None:
            return Result(claim.record, Health.UNTOLD)
        item.is_unknown = False
        item.lookups = 0
        item.tries = claim.record.tries
        try:
            accepted = await self._send(claim.record)
        except SendFailed as failure:
            return await self._failed(claim.record, failure)
        return await self._taken(item.message_id, accepted)

    async def _send(self, record: MessageRecord) -> Accepted:
        try:
            async with asyncio.timeout(self._send_bound_s):
                return await self._transport.send(record.message)
        except SendFailed:
            raise
        except TimeoutError as error:
            raise SendFailed(
                "timeout", "the provider did not answer in time", may_retry=True, is_unknown=True
            ) from error
        except Exception as error:
            # A mistake of the transport: nobody knows how far it came.
            log.exception(
                "a transport failed as it should not",
                extra={
                    "provider": self._transport.provider,
                    "message_id": record.message.message_id,
                },
            )
            raise SendFailed(
                "transport_error", type(error).__name__, may_retry=True, is_unknown=True
            ) from error

    async def _taken(self, message_id: str, accepted: Accepted) -> Result:
        at = self._clock()
        record = await self._database.transact(
            lambda connection: writes.taken(connection, message_id, accepted, at=at)
        )
        return Result(record, Health.WORKS)

    async def _failed(self, record: MessageRecord, error: SendFailed) -> Result:
        at = self._clock()
        failure = Failure(code=error.code, detail=error.detail)
        message_id = record.message.message_id
        if error.is_unknown:
            after = await self._database.transact(
                lambda connection: writes.unknown(
                    connection,
                    message_id,
                    failure,
                    at=at,
                    next_attempt_at=at + self._policy.settle_s,
                )
            )
            return Result(after, Health.FAILS)
        trigger, next_attempt_at = self._verdict(record, error, at)
        after = await self._database.transact(
            lambda connection: writes.not_taken(
                connection, message_id, failure, trigger, at=at, next_attempt_at=next_attempt_at
            )
        )
        # A provider that refuses this message for good works.
        return Result(after, Health.FAILS if error.may_retry else Health.WORKS)

    def _verdict(
        self, record: MessageRecord, error: SendFailed, at: float
    ) -> tuple[Trigger, float]:
        if not error.may_retry:
            return Trigger.REFUSED, at
        if record.tries >= self._policy.tries_most:
            return Trigger.GIVEN_UP, at
        next_attempt_at = at + self._policy.delay_s(
            record.tries, self._dice, at_least_s=error.retry_after_s or 0.0
        )
        not_after = record.message.not_after
        if not_after is not None and next_attempt_at > not_after:
            # Told now, while another way may still be of use.
            return Trigger.GIVEN_UP, at
        return Trigger.POSTPONED, next_attempt_at

    async def _look_into(self, item: Item) -> Result | None:
        """Find out whether the last attempt arrived; None: it did not, or cannot be known; send again."""
        record = await self._database.read(
            lambda connection: writes.get(connection, item.message_id)
        )
        if record is None or record.status is not MessageStatus.SENDING:
            return Result(record, Health.UNTOLD)
        if isinstance(self._transport, CanFind):
            result = await self._find(self._transport, item, record)
            if result is not None:
                return result
        elif not isinstance(self._transport, TakesKey):
            log.warning(
                "a message is sent again though it may have arrived: the provider cannot be asked",
                extra={
                    "provider": self._transport.provider,
                    "message_id": record.message.message_id,
                },
            )
        if record.tries >= self._policy.tries_most:
            return await self._give_up(record, OUT_OF_TRIES, "no answer to any attempt")
        return None

    async def _find(self, transport: CanFind, item: Item, record: MessageRecord) -> Result | None:
        since = await self._database.read(
            lambda connection: writes.last_attempt_at(connection, item.message_id)
        )
        try:
            async with asyncio.timeout(FIND_TIMEOUT_S):
                found = await transport.find(record.message, since=since)
        except (SendFailed, TimeoutError) as error:
            item.lookups += 1
            if item.lookups >= self._policy.tries_most:
                return await self._give_up(
                    record, OUTCOME_UNKNOWN, "the provider may have taken it but does not tell"
                )
            at = self._clock()
            failure = Failure(code=getattr(error, "code", "timeout"), detail=str(error))
            next_attempt_at = at + self._policy.delay_s(item.lookups, self._dice)
            after = await self._database.transact(
                lambda connection: writes.unknown(
                    connection,
                    item.message_id,
                    failure,
                    at=at,
                    next_attempt_at=next_attempt_at,
                )
            )
            return Result(after, Health.FAILS)
        if found is None or await self._is_of_another(item, found):
            return None
        return await self._taken(item.message_id, found)

    async def _is_of_another(self, item: Item, found: Accepted) -> bool:
        """Whether it is the message before this one, which said the same a moment earlier."""
        return await self._database.read(
            lambda connection: reads.is_of_another(
                connection,
                provider=self._transport.provider,
                provider_id=found.provider_id,
                message_id=item.message_id,
            )
        )

    async def _give_up(self, record: MessageRecord, code: str, detail: str) -> Result:
        at = self._clock()
        failure = Failure(code=code, detail=detail)
        after = await self._database.transact(
            lambda connection: writes.not_taken(
                connection, record.message.message_id, failure, Trigger.GIVEN_UP, at=at
            )
        )
        return Result(after, Health.UNTOLD)
