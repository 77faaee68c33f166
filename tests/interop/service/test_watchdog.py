"""The watchdog with the real SIP worker: each of the three clocks is stopped, and only then is it not fed."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.app.clocks import clocks_of
from gateway.app.processes import write_config
from gateway.config import Config, SipSection
from gateway.endpoints.worker import WorkerEndpoint
from gateway.metrics import Metrics
from gateway.model.events import EndpointKind
from gateway.service.notify import Notifier
from gateway.service.watchdog import Watchdog
from tests.interop.support.gateway_peer import free_port
from tests.support.leg_recorder import LegRecorder
from tests.support.service_manager import ManagerSocket

pytest.importorskip("pjsua2")

PERIOD_S = 8.0
"""As systemd would give it; a clock may stand still for half of that."""


class Watched:
    """A SIP worker and the watchdog over it."""

    def __init__(self, folder: Path) -> None:
        self.manager = ManagerSocket(folder / "notify")
        self.notifier = Notifier(self.manager.address, watchdog_s=PERIOD_S)
        file = folder / "telephony.json"
        write_config(Config(sip=SipSection(port=free_port())), file)
        worker = (sys.executable, "-m", "tests.support.freezing_telephony")
        recorder = LegRecorder()
        self.worker = WorkerEndpoint(
            EndpointKind.SIP,
            lambda fd: (*worker, "--link-fd", str(fd), "--config-json", str(file)),
            offers=recorder,
            ticks=recorder,
            metrics=Metrics(),
        )
        self.watchdog = Watchdog(self.notifier, clocks=lambda: clocks_of(self.worker, None))

    def signal(self, number: signal.Signals) -> None:
        assert self.worker.pid is not None
        os.kill(self.worker.pid, number)

    async def until(self, ask: Callable[[], bool], bound_s: float, what: str) -> None:
        deadline_s = time.monotonic() + bound_s
        while not ask():
            assert time.monotonic() < deadline_s, f"{what}: not within {bound_s} s"
            await asyncio.sleep(0.05)

    async def expect_hunger(self, *names: str) -> None:
        """Wait until these clocks are known to stand still, and see that nothing is fed for a period."""
        await self.until(lambda: self.watchdog.still == names, 4 * PERIOD_S, f"{names} stand still")
        since_s = time.monotonic()
        await asyncio.sleep(PERIOD_S)
        assert self.watchdog.still == names
        assert self.manager.fed(since_s) == 0

    async def expect_food(self, bound_s: float = 3 * PERIOD_S) -> None:
        since_s = time.monotonic()
        await self.until(lambda: self.manager.fed(since_s) > 1, bound_s, "feeding")
        assert self.watchdog.still == ()


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    watched = Watched(tmp_path)
    with watched.manager:
        await watched.worker.start()
        task = asyncio.create_task(watched.watchdog.run())
        try:
            await watched.expect_food()
            yield watched
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if watched.worker.pid is not None:
                watched.signal(signal.SIGCONT)
                watched.signal(signal.SIGWINCH)
            await watched.worker.stop()
            watched.notifier.close()


async def test_while_everything_moves_it_is_fed(watched: Watched) -> None:
    since_s = time.monotonic()
    await asyncio.sleep(2 * PERIOD_S)
    assert watched.manager.longest_hunger_s(since_s) < PERIOD_S


async def test_a_frozen_sip_thread(watched: Watched) -> None:
    watched.signal(signal.SIGUSR1)
    await watched.expect_hunger("sip thread")
    # Its link still answers pings: nothing else would have noticed.
    assert watched.worker.is_ready
    watched.signal(signal.SIGWINCH)
    await watched.expect_food()


async def test_a_frozen_media_clock(watched: Watched) -> None:
    watched.signal(signal.SIGUSR2)
    await watched.expect_hunger("sip media clock")
    assert watched.worker.is_ready
    watched.signal(signal.SIGWINCH)
    await watched.expect_food()


async def test_a_frozen_event_loop(watched: Watched) -> None:
    since_s = time.monotonic()
    time.sleep(1.25 * PERIOD_S)  # noqa: ASYNC251 - this is the fault itself
    assert watched.manager.longest_hunger_s(since_s) > PERIOD_S
    # The others are not blamed for what was not read meanwhile.
    await watched.expect_food()


async def test_a_stopped_worker_is_replaced_and_then_it_is_fed_again(watched: Watched) -> None:
    pid = watched.worker.pid
    watched.signal(signal.SIGSTOP)
    both = ("sip thread", "sip media clock")
    await watched.until(lambda: watched.watchdog.still == both, 4 * PERIOD_S, "both stand still")
    await watched.until(
        lambda: watched.worker.is_ready and watched.worker.pid != pid, 40, "a new worker"
    )
    await watched.expect_food()
