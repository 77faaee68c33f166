"""A loop that is held up for real is noticed by the load watch, which runs on it."""

import asyncio
import time

from prometheus_client import CollectorRegistry

from gateway.config.overload import OverloadSection
from gateway.load.meters import LatenessMeter
from gateway.load.watch import LoadWatch


def test_a_loop_that_is_held_up_is_noticed_by_itself():
    """The loop is stopped for real, ten times as long as a tenth of it is free."""

    async def work() -> None:
        ticks = LatenessMeter()
        watch = LoadWatch(
            OverloadSection(loop_lag_ms=10, hot_s=1),
            ticks=ticks,
            speech_queue=lambda: 0.0,
            registry=CollectorRegistry(),
        )
        watch.start()
        deadline_s = time.monotonic() + 20
        while not watch.is_shedding and time.monotonic() < deadline_s:
            time.sleep(0.1)  # noqa: ASYNC251  (that is what is tested)
            await asyncio.sleep(0.01)
        assert watch.is_shedding
        assert watch.told() == "shedding (loop_lag)"
        await watch.stop()
        await watch.stop()

    asyncio.run(work())
