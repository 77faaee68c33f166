"""The watchdog's own beat over a real socket: fed, not fed, and what people are told."""

import asyncio
import logging
from pathlib import Path

import pytest

from gateway.service.notify import Notifier
from gateway.service.watchdog import Watchdog
from tests.support.service_manager import ManagerSocket

PERIOD_S = 0.6


async def _until(manager: ManagerSocket, fed: int) -> None:
    async with asyncio.timeout(10):
        while manager.fed() < fed:  # noqa: ASYNC110 - a thread counts
            await asyncio.sleep(0.01)


async def test_it_is_fed_until_a_clock_stands_still_and_from_when_it_moves(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clocks = {"a": 0.0, "b": 0.0}
    frozen: set[str] = set()

    def read() -> dict[str, float]:
        for name in clocks:
            clocks[name] += name not in frozen
        return dict(clocks)

    with ManagerSocket(tmp_path / "notify") as manager, caplog.at_level(logging.WARNING):
        notifier = Notifier(manager.address, watchdog_s=PERIOD_S)
        watchdog = Watchdog(notifier, clocks=read, status=lambda: "well")
        task = asyncio.create_task(watchdog.run())
        await _until(manager, 3)
        frozen.add("b")
        async with asyncio.timeout(10):
            while not watchdog.still:  # noqa: ASYNC110 - the watchdog's own task changes it
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        fed = manager.fed()
        await asyncio.sleep(PERIOD_S)
        assert manager.fed() == fed
        assert watchdog.still == ("b",)
        frozen.clear()
        await _until(manager, fed + 2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        notifier.close()
    assert [record.getMessage() for record in caplog.records] == [
        "a clock stands still, the watchdog is not fed",
        "the clocks move again",
    ]
    assert manager.texts().count("STATUS=well") == 1


async def test_without_a_manager_there_is_nothing_to_do() -> None:
    async with asyncio.timeout(5):
        await Watchdog(Notifier(), clocks=dict).run()
