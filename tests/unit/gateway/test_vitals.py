"""What is told of the gateway itself when it is scraped."""

import asyncio
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from gateway.http.ports import Check
from gateway.model.speech import Urgency
from gateway.vitals import Vitals
from tests.support.virtual_clock import run_virtual


@dataclass
class Speech:
    workers: int = 2
    ready: int = 1
    queued: dict[Urgency, int] = field(default_factory=lambda: {Urgency.TURN: 3})
    failed: int = 4
    refused: int = 5
    timed_out: int = 6
    restarts: int = 7


@dataclass
class Store:
    backlog: int = 0
    lost: int = 2


def test_queues_workers_and_parts_are_told_as_they_are() -> None:
    registry = CollectorRegistry()
    vitals = Vitals(registry, Store())
    vitals.speech = Speech
    vitals.outbox_pending = lambda: 9
    vitals.parts = lambda: (Check(name="sip", ok=False), Check(name="store", ok=True))

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    assert value("offhook_speech_queue_depth", urgency="turn") == 3
    assert value("offhook_speech_workers") == 1
    assert value("offhook_speech_jobs_lost_total", reason="timed_out") == 6
    assert value("offhook_speech_worker_restarts_total") == 7
    assert value("offhook_outbox_pending") == 9
    assert value("offhook_store_lost_total") == 2
    assert value("offhook_part_ready", part="sip") == 0
    assert value("offhook_part_ready", part="store") == 1
    assert (value("process_open_fds") or 0) > 0


def test_a_gateway_that_is_not_up_yet_can_be_scraped() -> None:
    registry = CollectorRegistry()
    Vitals(registry, Store())
    assert registry.get_sample_value("offhook_outbox_pending") == 0
    assert registry.get_sample_value("offhook_speech_workers") == 0


def test_lag_of_the_loop_is_measured_and_stops() -> None:
    registry = CollectorRegistry()
    vitals = Vitals(registry, Store())

    async def scenario() -> None:
        vitals.start()
        await asyncio.sleep(10)
        vitals.stop()
        vitals.stop()
        await asyncio.sleep(10)

    run_virtual(scenario())
    count = registry.get_sample_value("offhook_loop_lag_seconds_count")
    assert count is not None
    assert 35 <= count <= 40
