"""Tells how the gateway itself fares: lag of its loop, queues, workers, parts; read at the moment it is scraped."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway import __version__
from gateway.http.ports import Check
from gateway.model.speech import Urgency

LOOK_EVERY_S = 0.25
_LAG_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class SpeechFigures(Protocol):
    """What is told of the speech workers; counters run since the start."""

    @property
    def workers(self) -> int: ...
    @property
    def ready(self) -> int: ...
    @property
    def queued(self) -> Mapping[Urgency, int]:
        """Jobs that wait, by urgency."""

    @property
    def failed(self) -> int: ...
    @property
    def refused(self) -> int: ...
    @property
    def timed_out(self) -> int: ...
    @property
    def restarts(self) -> int: ...


class StoreFigures(Protocol):
    """What is told of the store."""

    @property
    def backlog(self) -> int: ...
    @property
    def lost(self) -> int: ...


class Vitals(Collector):
    """Registers itself; `start` begins to measure the loop, `stop` ends it. On the event loop."""

    def __init__(self, registry: CollectorRegistry, store: StoreFigures) -> None:
        self._store = store
        self.speech: Callable[[], SpeechFigures] | None = None
        self.outbox_pending: Callable[[], int] | None = None
        self.parts: Callable[[], Sequence[Check]] | None = None
        self._lag = Histogram(
            "offhook_loop_lag_seconds",
            "How late the event loop ran a timer that was due",
            buckets=_LAG_S,
            registry=registry,
        )
        self._timer: asyncio.TimerHandle | None = None
        registry.register(self)
        ProcessCollector(registry=registry)

    def start(self) -> None:
        self._arm()

    def stop(self) -> None:
        """May be called twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time() + LOOK_EVERY_S
        self._timer = loop.call_at(due_s, self._look, due_s)

    def _look(self, due_s: float) -> None:
        self._lag.observe(max(0.0, asyncio.get_running_loop().time() - due_s))
        self._arm()

    def collect(self) -> Iterable[Metric]:
        """Return the figures of this moment; called for each scrape."""
        build = GaugeMetricFamily("offhook_build", "The program that runs", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        yield CounterMetricFamily(
            "offhook_store_lost", "Writes that the store had to lose", value=self._store.lost
        )
        pending = self.outbox_pending() if self.outbox_pending else 0
        yield GaugeMetricFamily(
            "offhook_outbox_pending", "Messages that wait to be sent", value=pending
        )
        yield from self._of_parts()
        yield from self._of_speech()

    def _of_parts(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(
            "offhook_part_ready", "Whether a part of the gateway can do its work", labels=["part"]
        )
        for check in self.parts() if self.parts else ():
            family.add_metric([check.name], int(check.ok))
        yield family

    def _of_speech(self) -> Iterable[Metric]:
        queued = GaugeMetricFamily(
            "offhook_speech_queue_depth",
            "Jobs that wait for a speech worker, by urgency",
            labels=["urgency"],
        )
        workers = GaugeMetricFamily(
            "offhook_speech_workers", "Speech workers that are ready", value=0
        )
        lost = CounterMetricFamily(
            "offhook_speech_jobs_lost",
            "Speech jobs that came to nothing, by why",
            labels=["reason"],
        )
        restarts = CounterMetricFamily(
            "offhook_speech_worker_restarts", "Speech workers that were started again", value=0
        )
        if self.speech is not None:
            figures = self.speech()
            for urgency, length in figures.queued.items():
                queued.add_metric([urgency.name.lower()], length)
            workers = GaugeMetricFamily(
                "offhook_speech_workers", "Speech workers that are ready", value=figures.ready
            )
            for reason in ("failed", "refused", "timed_out"):
                lost.add_metric([reason], getattr(figures, reason))
            restarts = CounterMetricFamily(
                "offhook_speech_worker_restarts",
                "Speech workers that were started again",
                value=figures.restarts,
            )
        yield from (queued, workers, lost, restarts)
