"""Sees what happens and writes it down for those who are to be told."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from gateway.config.event_webhooks import EventType, EventWebhookSection
from gateway.errors import StoreError
from gateway.event_webhooks import events
from gateway.event_webhooks.events import Event
from gateway.model.events import Offered
from gateway.model.messages import InboundMessage, MessageStatus
from gateway.rooms.live_record import record_of_offer
from gateway.rooms.timeline import Entry, Kind
from gateway.rooms.watched_recorder import CallEnd, Watcher
from gateway.seldom import Seldom
from gateway.store import event_rows
from gateway.store.event_rows import EventRow
from gateway.store.message_records import MessageRecord
from gateway.store.records import CallRecord
from gateway.store.transactor import Transactor

log = logging.getLogger(__name__)

WAITING_MOST = 10_000
"""Events that may wait on the disk to be told to one target; and as many, over all, to be written there.

The newest is left out. For each target: one that is down must not cost another its events.
"""
BATCH = 200
RETRY_S = 5.0
LEFTOVERS_MOST = 1_000


class Herald:
    """A `Watcher` of calls and messages; `start`, `close`. Belongs to the event loop."""

    def __init__(
        self,
        database: Transactor,
        targets: Mapping[str, EventWebhookSection],
        *,
        on_written: Callable[[], None],
        count: Callable[[str, int], None],
    ) -> None:
        """`on_written` follows each batch on the disk; `count(outcome, how_many)` those left out."""
        self._database = database
        self._targets = targets
        self._on_written = on_written
        self._count = count
        self._live: dict[str, CallRecord] = {}
        self._waiting: deque[EventRow] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None
        self._too_many = Seldom()

    async def start(self, cut_off: Collection[str] = ()) -> None:
        """Tell the end of calls that a crash cut off, and begin. Raises `StoreError`.

        `cut_off` are those that were still open when the store was opened: a target that is told of ends only
        has no beginning by which they could be known.
        """
        left = await self._database.read(
            lambda connection: event_rows.calls_without_end(
                connection,
                started=EventType.CALL_STARTED.value,
                ended=EventType.CALL_ENDED.value,
                cut_off=cut_off,
                limit=LEFTOVERS_MOST,
            )
        )
        for record in left:
            self.tell(events.call_ended(record))
        self._task = asyncio.create_task(self._run(), name="event webhooks")

    async def close(self, timeout_s: float) -> None:
        """Write what waits to the disk, bounded; may be called twice."""
        task, self._task = self._task, None
        if task is None:
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            log.error("events are not told: the store is stuck", extra={"lost": len(self._waiting)})
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    # What happens -----------------------------------------------------------------------------------

    def call_offered(self, offered: Offered, *, room_id: str, agent: str) -> None:
        record = record_of_offer(offered, room_id=room_id, agent=agent)
        self._live[offered.call_id] = record
        self.tell(events.call_started(record))

    def appended(self, entry: Entry) -> None:
        if entry.kind is Kind.ANSWERED and (record := self._live.get(entry.call_id)):
            self._live[entry.call_id] = replace(record, answered_ms=entry.offset_ms)

    def call_ended(self, end: CallEnd) -> None:
        record = self._live.pop(end.call_id, None)
        if record is not None:
            self.tell(
                events.call_ended(
                    replace(
                        record, cause=end.cause.value, detail=end.detail, ended_ms=end.offset_ms
                    )
                )
            )

    def received(self, message: InboundMessage) -> None:
        """Somebody wrote."""
        self.tell(events.message_received(message))

    def changed(self, record: MessageRecord) -> None:
        """A message of ours came to another status."""
        if record.status is not MessageStatus.SENDING:
            self.tell(events.message_status(record))

    def tell(self, event: Event) -> None:
        """Write an event down for every target that wants it."""
        rows = [
            EventRow(
                event_id=event.event_id,
                target=name,
                type=event.type.value,
                subject=event.subject,
                body=event.body(),
                created_at=event.at,
            )
            for name, section in self._targets.items()
            if event.type in section.events
        ]
        if len(self._waiting) + len(rows) > WAITING_MOST:
            self._left_out(len(rows))
            return
        self._waiting.extend(rows)
        if rows:
            self._idle.clear()
            self._wake.set()

    # Inside -----------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            if not self._waiting:
                self._idle.set()
                await self._wake.wait()
            self._wake.clear()
            batch = list(self._waiting)[:BATCH]
            if not batch:
                continue
            try:
                await self._write(batch)
            except StoreError as error:
                log.warning("events wait for the store", extra={"reason": str(error)})
                await asyncio.sleep(RETRY_S)
                continue
            except Exception:
                log.exception("events could not be written down")
                await asyncio.sleep(RETRY_S)
                continue
            for _ in batch:
                self._waiting.popleft()
            self._on_written()

    async def _write(self, batch: Sequence[EventRow]) -> None:
        left_out = await self._database.transact(
            lambda connection: event_rows.add(connection, batch, waiting_most=WAITING_MOST)
        )
        if left_out:
            self._left_out(left_out)

    def _left_out(self, rows: int) -> None:
        self._count("dropped", rows)
        self._too_many.log(
            log,
            logging.ERROR,
            "too many events wait to be told; the newest are left out",
            {"events": rows},
        )


_: type[Watcher] = Herald
