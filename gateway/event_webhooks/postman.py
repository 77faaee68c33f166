"""Tells one program its events: signed by Standard Webhooks, tried again with growing pauses, given up in the end."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence

from gateway.channels.provider_session import ProviderSession
from gateway.channels.webhook_signature import sign
from gateway.config.event_webhooks import EventWebhookSection
from gateway.errors import StoreError
from gateway.model.messages import SendFailed
from gateway.seldom import Seldom
from gateway.store import event_rows
from gateway.store.event_rows import Attempt, EventRow, EventState
from gateway.store.transactor import Transactor

log = logging.getLogger(__name__)

PAUSES_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""After the first, second, … failure (Standard Webhooks, "Deliverability and reliability"); then the last."""
AT_ONCE = 4
"""Requests to one program at a time."""
BATCH = 32
LOOK_S = 60.0
STORE_RETRY_S = 5.0
_GONE = 410
_RETRY_AFTER_MOST_S = 86_400.0

Count = Callable[[str, int], None]


class Postman:
    """One target's deliveries; `start`, `close`. At least once, in no strict order. On the event loop."""

    def __init__(
        self,
        name: str,
        section: EventWebhookSection,
        key: bytes,
        database: Transactor,
        *,
        count: Count,
        clock: Callable[[], float] = time.time,
        dice: random.Random | None = None,
    ) -> None:
        """`count(outcome, how_many)` is told of `delivered`, `failed` (an attempt) and `dead`."""
        self._name = name
        self._section = section
        self._key = key
        self._database = database
        self._count = count
        self._clock = clock
        self._dice = dice or random.Random()
        self._session = ProviderSession(timeout_s=section.timeout_s)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._not_taken, self._given_up = Seldom(), Seldom()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"event webhook {self._name}")

    def wake(self) -> None:
        """Something was written down."""
        self._wake.set()

    async def close(self) -> None:
        """Stop; what waits is on disk. May be called twice."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._session.close()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                wait_s = await self.work()
            except StoreError as error:
                log.warning("event webhooks wait for the store", extra={"reason": str(error)})
                wait_s = STORE_RETRY_S
            except Exception:
                log.exception("event webhooks failed as they should not")
                wait_s = STORE_RETRY_S
            if wait_s > 0:
                try:
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()
                except TimeoutError:
                    continue

    async def work(self) -> float:
        """Tell what is due; returns in how many seconds to look again. Raises `StoreError`."""
        now = self._clock()
        rows = await self._database.read(
            lambda connection: event_rows.due(connection, self._name, at=now, limit=BATCH)
        )
        if rows:
            await self._tell_all(rows)
            return 0.0
        due_at = await self._database.read(
            lambda connection: event_rows.next_due(connection, self._name)
        )
        return LOOK_S if due_at is None else min(LOOK_S, max(0.05, due_at - now))

    async def _tell_all(self, rows: Sequence[EventRow]) -> None:
        async def tell(row: EventRow) -> Attempt:
            async with self._slots:
                return await self._tell(row)

        attempts = await asyncio.gather(*(tell(row) for row in rows))
        await self._database.transact(lambda connection: event_rows.settle(connection, attempts))
        for attempt in attempts:
            self._tally(attempt)

    async def _tell(self, row: EventRow) -> Attempt:
        body = row.body.encode("utf-8", "replace")
        headers = sign(self._key, row.event_id, body, at=self._clock())
        headers["Content-Type"] = "application/json"
        retry_after_s = 0.0
        try:
            answer = await self._session.request(
                "POST", self._section.url, data=body, headers=headers
            )
        except SendFailed as failure:
            error, is_final = failure.code, not failure.may_retry
        except Exception:
            # Of this event, or this moment: the target's others must not wait for ever behind it.
            log.exception("an event could not be posted", extra={"webhook": self._name})
            error, is_final = "fault", False
        else:
            if answer.is_good:
                return Attempt(
                    event_id=row.event_id,
                    target=row.target,
                    state=EventState.DELIVERED,
                    next_attempt_at=None,
                )
            error, is_final = f"http_{answer.status}", answer.status == _GONE
            retry_after_s = _seconds(answer.headers.get("Retry-After", ""))
        if is_final or row.attempts + 1 >= self._section.tries:
            return Attempt(
                event_id=row.event_id,
                target=row.target,
                state=EventState.DEAD,
                next_attempt_at=None,
                error=error,
            )
        pause_s = pause_after(row.attempts, self._dice.random())
        return Attempt(
            event_id=row.event_id,
            target=row.target,
            state=EventState.PENDING,
            next_attempt_at=self._clock() + max(pause_s, retry_after_s),
            error=error,
        )

    def _tally(self, attempt: Attempt) -> None:
        facts = {"webhook": self._name, "event_id": attempt.event_id, "error": attempt.error}
        match attempt.state:
            case EventState.DELIVERED:
                self._count("delivered", 1)
            case EventState.PENDING:
                self._count("failed", 1)
                self._not_taken.log(log, logging.WARNING, "an event was not taken", facts)
            case EventState.DEAD:
                self._count("failed", 1)
                self._count("dead", 1)
                self._given_up.log(log, logging.ERROR, "an event was given up", facts)


def pause_after(failures: int, chance: float) -> float:
    """Return how long to wait after so many earlier failures; `chance` (0 to 1) spreads those of one moment."""
    return PAUSES_S[min(failures, len(PAUSES_S) - 1)] * (1 + 0.2 * chance)


def _seconds(text: str) -> float:
    is_number = text.isascii() and text.isdecimal() and len(text) < 9
    return min(float(text), _RETRY_AFTER_MOST_S) if is_number else 0.0
