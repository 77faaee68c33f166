"""The virtual clock: jumps, order, executors, deadlock."""

import asyncio
import time

import pytest

from tests.support.virtual_clock import START_S, Deadlock, run_virtual


def test_an_hour_of_sleep_takes_no_time() -> None:
    async def main() -> float:
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    began_s = time.monotonic()

    assert run_virtual(main()) == pytest.approx(START_S + 3600)
    assert time.monotonic() - began_s < 5


def test_timers_fire_in_order_at_their_own_time() -> None:
    async def main() -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        seen: list[tuple[str, float]] = []

        async def wait(name: str, delay_s: float) -> None:
            await asyncio.sleep(delay_s)
            seen.append((name, round(loop.time() - START_S, 6)))

        await asyncio.gather(wait("late", 5.0), wait("early", 0.02), wait("middle", 1.0))
        return seen

    assert run_virtual(main()) == [("early", 0.02), ("middle", 1.0), ("late", 5.0)]


def test_a_timeout_fires_before_a_longer_sleep() -> None:
    async def main() -> None:
        async with asyncio.timeout(1):
            await asyncio.sleep(2)

    with pytest.raises(TimeoutError):
        run_virtual(main())


def test_time_stands_still_while_a_thread_works() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        timer = asyncio.create_task(asyncio.sleep(1000))
        await asyncio.to_thread(sum, range(1000))
        passed_s = loop.time() - START_S
        timer.cancel()
        return passed_s

    assert run_virtual(main()) == 0


def test_waiting_for_nothing_is_an_error() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock):
        run_virtual(main())
