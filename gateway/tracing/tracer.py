"""Watches calls and messages, and has a trace made of each call once it is over."""

import asyncio
import logging
import random
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from gateway.config.tracing import TracingSection
from gateway.errors import ConfigError
from gateway.model.events import Offered
from gateway.model.messages import InboundMessage, MessageStatus
from gateway.rooms.live_record import record_of_offer
from gateway.rooms.timeline import Entry, Kind
from gateway.rooms.watched_recorder import CallEnd, Watcher
from gateway.store.message_records import MessageRecord
from gateway.store.records import CallRecord
from gateway.tracing.plan import PREFIX, SpanPlan, plan_call

log = logging.getLogger(__name__)

ENTRIES_MOST = 2_000
"""Timeline entries kept of a call; a longer one has no spans for its end."""
ROOMS_MOST = 2_048
"""Rooms whose last call is remembered, so that messages that follow from it hang under its trace."""
WAITING_MOST = 512
"""Traces that may wait for their thread; more are not made."""
CLOSE_S = 3.0
_SETTLED = frozenset({MessageStatus.SENT, MessageStatus.FAILED, MessageStatus.DEAD})

Context = TypeVar("Context")


class Exports(Protocol[Context]):
    """Sends spans."""

    def export(self, plan: SpanPlan, parent: Context | None = None) -> Context:
        """Queue a span with its children."""

    def close(self) -> None:
        """Send what waits and stop; may take seconds."""


@dataclass(slots=True)
class _Live:
    record: CallRecord
    entries: list[Entry] = field(default_factory=list)


class Tracer:
    """A `Watcher` of calls and messages; `close`. On the event loop, but for the thread it owns."""

    def __init__(
        self,
        exporter: "Exports[Context]",
        *,
        share: float = 1.0,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._exporter: Exports[object] = exporter  # type: ignore[assignment]
        self._share = share
        self._chance = chance
        self._live: dict[str, _Live] = {}
        self._rooms: OrderedDict[str, object] = OrderedDict()
        """Room → context of its last call; belongs to the thread."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tracing")
        self._waiting = 0
        self.dropped = 0

    # Watcher ----------------------------------------------------------------------------------------

    def call_offered(self, offered: Offered, *, room_id: str, agent: str) -> None:
        if self._chance() < self._share:
            record = record_of_offer(offered, room_id=room_id, agent=agent)
            self._live[offered.call_id] = _Live(record)

    def appended(self, entry: Entry) -> None:
        live = self._live.get(entry.call_id)
        if live is None or len(live.entries) >= ENTRIES_MOST:
            return
        if entry.kind is Kind.ANSWERED:
            live.record = replace(live.record, answered_ms=entry.offset_ms)
        live.entries.append(entry)

    def call_ended(self, end: CallEnd) -> None:
        live = self._live.pop(end.call_id, None)
        if live is None:
            return
        record = replace(
            live.record, cause=end.cause.value, detail=end.detail, ended_ms=end.offset_ms
        )

        def make() -> None:
            context = self._exporter.export(plan_call(record, live.entries))
            self._rooms[record.room_id] = context
            self._rooms.move_to_end(record.room_id)
            if len(self._rooms) > ROOMS_MOST:
                self._rooms.popitem(last=False)

        self._post(make)

    def received(self, _message: InboundMessage) -> None:
        """Its room is not known yet; what is answered is traced."""

    def changed(self, record: MessageRecord) -> None:
        """A message of ours is sent, or failed: a span from its acceptance, under the room's last call."""
        if record.status not in _SETTLED:
            return
        message = record.message
        plan = SpanPlan(
            name="message",
            start=record.created_at,
            end=max(record.created_at, record.changed_at),
            attributes={
                PREFIX + "message_id": message.message_id,
                PREFIX + "room_id": message.room_id,
                PREFIX + "channel": message.channel.value,
                PREFIX + "provider": record.provider,
                PREFIX + "status": record.status.value,
                PREFIX + "attempts": record.attempts,
            },
            error="" if record.status is MessageStatus.SENT else record.error_code or "failed",
        )
        self._post(lambda: self._export_message(plan, message.room_id))

    def _export_message(self, plan: SpanPlan, room_id: str) -> None:
        self._exporter.export(plan, self._rooms.get(room_id))

    # Inside -----------------------------------------------------------------------------------------

    def _post(self, work: Callable[[], None]) -> None:
        if self._waiting >= WAITING_MOST:
            self.dropped += 1
            return
        loop = asyncio.get_running_loop()
        try:
            task = loop.run_in_executor(self._thread, _guarded, work)
        except RuntimeError:  # closed
            self.dropped += 1
            return
        self._waiting += 1
        task.add_done_callback(lambda _: self._done())

    def _done(self) -> None:
        self._waiting -= 1

    async def close(self) -> None:
        """Send what waits, bounded; may be called twice."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await asyncio.get_running_loop().run_in_executor(self._thread, self._exporter.close)
        except TimeoutError:
            log.warning("the collector of traces does not answer; the last traces are lost")
        except RuntimeError:
            log.debug("tracing was closed before")
        self._thread.shutdown(wait=False, cancel_futures=True)


def _guarded(work: Callable[[], None]) -> None:
    try:
        work()
    except Exception:
        log.exception("a trace could not be made")


def build_tracer(section: TracingSection) -> Tracer | None:
    """Return the tracer of a configuration; None, and nothing is loaded, without a collector.

    Raises `ConfigError` when the extra is not installed.
    """
    if not section.otlp_url:
        return None
    try:
        # The libraries are only loaded where calls are traced.
        from gateway.tracing.export import Exporter
    except ImportError as error:
        raise ConfigError(
            f"tracing.otlp_url: {error.name} is not installed; install the extra `otel`, or leave it "
            "empty"
        ) from error
    return Tracer(Exporter(section.otlp_url, section.service_name), share=section.share)


_: type[Watcher] = Tracer
