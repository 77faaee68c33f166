"""Tests of gateway/load/watch.py: what is measured becomes refusals, metrics and words, and ends again."""

import asyncio
import logging

import pytest
from prometheus_client import CollectorRegistry

from gateway.config.overload import OverloadSection
from gateway.load.meters import LatenessMeter
from gateway.load.watch import LoadWatch
from tests.support.virtual_clock import run_virtual


class Machine:
    """A gateway whose load a test sets."""

    def __init__(self, room: float = 64.0, **section) -> None:
        self.now_s = 0.0
        self.waiting = 0.0
        self.ticks = LatenessMeter()
        self.registry = CollectorRegistry()
        self.watch = LoadWatch(
            OverloadSection(**section),
            ticks=self.ticks,
            speech_queue=lambda: self.waiting,
            speech_room=room,
            registry=self.registry,
            clock=lambda: self.now_s,
        )

    def passes(self, seconds: int, *, tick_s: float = 0.0, waiting: float = 0.0) -> None:
        self.waiting = waiting
        for _ in range(seconds):
            self.now_s += 1.0
            for _ in range(50):
                self.ticks.add(tick_s)
            self.watch.look()

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


def test_late_ticks_refuse_calls_and_calm_takes_them_again(caplog):
    caplog.set_level(logging.INFO)
    machine = Machine()
    machine.passes(60, tick_s=0.002)
    assert machine.watch.admits()

    machine.passes(7, tick_s=0.08)

    assert machine.watch.is_shedding
    assert not machine.watch.admits()
    assert machine.watch.told() == "shedding (tick_lateness)"
    assert machine.value("offhook_overload_state") == 2
    assert machine.value("offhook_overload_pressure", signal="tick_lateness") == pytest.approx(
        4 / 3
    )
    assert machine.value("offhook_calls_shed_total", signal="tick_lateness") == 1

    machine.passes(12)
    assert machine.watch.told() == "recovering (tick_lateness)"
    assert machine.value("offhook_overload_state") == 1
    machine.passes(12)
    assert machine.watch.told() == "open"
    assert machine.value("offhook_overload_state") == 0
    assert all(machine.watch.admits() for _ in range(10))
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "INFO"]
    assert caplog.records[0].signal == "tick_lateness"


def test_callers_who_wait_to_be_understood_refuse_further_ones():
    machine = Machine(speech_waiting=4)
    machine.passes(7, waiting=4.0)

    assert not machine.watch.admits()
    assert machine.value("offhook_calls_shed_total", signal="speech_queue") == 1


def test_a_short_queue_that_is_nearly_full_counts_as_long():
    machine = Machine(room=8.0)
    machine.passes(10, waiting=5.9)
    assert machine.watch.admits()
    machine.passes(10, waiting=6.0)
    assert not machine.watch.admits()


def test_every_signal_has_its_counter_from_the_start():
    assert Machine().value("offhook_calls_shed_total", signal="loop_lag") == 0


def test_switched_off_it_never_refuses():
    async def work() -> None:
        machine = Machine(enabled=False)
        machine.watch.start()
        machine.waiting = 1e6
        await asyncio.sleep(60)

        assert machine.watch.admits()
        assert machine.watch.told() == "off"
        await machine.watch.stop()

    run_virtual(work())
