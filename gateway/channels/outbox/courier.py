"""Sends the messages of one provider: paced for each person, held back while the provider is down."""

import asyncio
import logging
from collections.abc import Callable

from gateway.channels.outbox.agenda import Agenda, Item
from gateway.channels.outbox.delivery import Delivery, Health, Result
from gateway.channels.outbox.recipient_limit import RecipientLimit
from gateway.errors import StoreError
from gateway.media.circuit_breaker import BreakerState, CircuitBreaker, Permit
from gateway.model.messages import MessageStatus
from gateway.store.identity import address_key
from gateway.store.message_records import MessageRecord

log = logging.getLogger(__name__)

SLOTS = 16
"""Requests to one provider at a time."""
LOOK_S = 1.0
"""How often a provider that is held back is looked at."""
SLEEP_MOST_S = 60.0
"""So that a clock that was set is noticed."""
PACE_LEAST_S = 0.01
STORE_RETRY_S = 5.0


class Courier:
    """Owns the agenda of one provider. `run` until cancelled; `add` wakes it."""

    def __init__(
        self,
        provider: str,
        delivery: Delivery,
        limit: RecipientLimit,
        *,
        clock: Callable[[], float],
        on_change: Callable[[MessageRecord], None],
        breaker: CircuitBreaker | None = None,
        slots: int = SLOTS,
    ) -> None:
        self._provider = provider
        self._delivery = delivery
        self._limit = limit
        self._clock = clock
        self._on_change = on_change
        self._breaker = breaker or CircuitBreaker(failures=5)
        self._slots = slots
        self._agenda = Agenda()
        self._wake = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._agenda)

    @property
    def provider(self) -> str:
        return self._provider

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way, and nothing is due that the provider would be asked for."""
        next_at = self._agenda.next_at()
        is_due = next_at is not None and next_at <= self._clock()
        return not self._under_way and (not is_due or self.breaker_state is BreakerState.OPEN)

    @property
    def breaker_state(self) -> BreakerState:
        """Whether the provider is asked now."""
        return self._breaker.state(asyncio.get_running_loop().time())

    def add(self, item: Item) -> None:
        """Have a message sent when it is due."""
        self._agenda.add(item)
        self._wake.set()

    def discard(self, message_id: str) -> None:
        """Forget a message that a receipt has settled."""
        self._agenda.discard(message_id)
        self._wake.set()

    async def run(self) -> None:
        """Send what is due, for ever."""
        while True:
            self._wake.clear()
            is_held = self._start_due()
            wait_s = self._wait_s(is_held)
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def finish(self, timeout_s: float) -> None:
        """Wait for what is under way, bounded; then cut it off, to be looked into at the next start."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=timeout_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _wait_s(self, is_held: bool) -> float:
        if is_held:
            return LOOK_S
        next_at = self._agenda.next_at()
        if next_at is None or len(self._under_way) >= self._slots:
            return SLEEP_MOST_S
        return min(max(next_at - self._clock(), 0.0), SLEEP_MOST_S)

    def _start_due(self) -> bool:
        """Start what is due; returns whether the provider is held back."""
        loop = asyncio.get_running_loop()
        while len(self._under_way) < self._slots:
            if self._breaker.state(loop.time()) is BreakerState.OPEN:
                return True
            now = self._clock()
            item = self._agenda.take(now)
            if item is None:
                return False
            person = address_key(item.lane[0], item.lane[2])
            wait_s = self._limit.wait_s(person, loop.time())
            if wait_s > 0:
                # Never so short that adding it to the time of day changes nothing.
                self._agenda.put_back(item, due_at=now + max(wait_s, PACE_LEAST_S))
                continue
            permit = self._breaker.ask(loop.time())
            if permit is None:
                self._agenda.put_back(item, due_at=item.due_at)
                return True
            self._limit.take(person, loop.time())
            task = loop.create_task(self._deliver(item, permit), name=f"deliver {item.message_id}")
            self._under_way.add(task)
            task.add_done_callback(self._ended)
        return False

    async def _deliver(self, item: Item, permit: Permit) -> None:
        loop = asyncio.get_running_loop()
        health = Health.UNTOLD
        try:
            result = await self._delivery.attempt(item)
            health = result.health
            self._after(item, result)
        except Exception as error:  # whatever it is, the message must not be forgotten
            log.error(
                "what became of a message cannot be written down",
                extra={"message_id": item.message_id, "reason": str(error)},
                exc_info=not isinstance(error, StoreError),
            )
            # Its last attempt, if it was made, is one whose outcome is not known.
            item.is_unknown = True
            self._agenda.put_back(item, due_at=self._clock() + STORE_RETRY_S)
        finally:
            if health is Health.WORKS:
                self._breaker.succeeded(permit)
            elif health is Health.FAILS:
                self._breaker.failed(permit, loop.time())
            else:
                self._breaker.released(permit)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._wake.set()

    def _after(self, item: Item, result: Result) -> None:
        record = result.record
        if record is None or result.is_settled:
            self._agenda.finish(item)
        else:
            item.is_unknown = record.status is MessageStatus.SENDING
            self._agenda.put_back(item, due_at=record.next_attempt_at)
        if record is not None:
            self._on_change(record)
