"""A drain's stages, with calls that end in time, too late and not at all."""

import asyncio

from gateway.app.drain import SETTLE_S, Drain, DrainState
from gateway.sessions.registry import RegistryStatistics
from tests.support.virtual_clock import run_virtual


class Calls:
    """Stands for the registry: `live` calls, which end when the test says so, or with their goodbye."""

    def __init__(self, live: int) -> None:
        self.live = live
        self.changed = asyncio.Event()
        self.did: list[str] = []

    def end(self, count: int) -> None:
        self.live -= count
        self.changed.set()

    def statistics(self) -> RegistryStatistics:
        return RegistryStatistics(self.live, {}, 0, 0, True)

    def refuse_new(self) -> None:
        self.did.append("refuse")

    async def wait_until_idle(self) -> None:
        while self.live:
            self.changed.clear()
            await self.changed.wait()

    async def drain(self, wait_s: float) -> None:
        assert wait_s == 0
        self.did.append(f"goodbye to {self.live}")
        self.end(self.live)


class Endpoint:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def drain(self) -> None:
        self._calls.did.append("endpoint")


def drain_of(calls: Calls, *, fails: bool = False) -> Drain:
    def withdraw() -> None:
        calls.did.append("withdraw")
        if fails:
            raise OSError("the trunk is away")

    async def settle(bound_s: float) -> None:
        assert bound_s == SETTLE_S
        calls.did.append("settle")

    return Drain(
        calls,  # type: ignore[arg-type]
        endpoints=lambda: [Endpoint(calls)],
        withdraw=withdraw,
        settle=settle,
        default_s=lambda: 100.0,
    )


def test_calls_that_end_in_time_are_left_alone() -> None:
    async def work() -> None:
        calls = Calls(3)
        drain = drain_of(calls, fails=True)
        assert drain.report().state == "serving"
        drain.begin()
        assert drain.state is DrainState.DRAINING
        assert 99 < drain.report().deadline_in_s <= 100
        for _ in range(3):
            await asyncio.sleep(1)
            calls.end(1)
        await drain.wait()
        assert drain.report().state == "drained"
        assert calls.did == ["refuse", "endpoint", "withdraw", "goodbye to 0", "settle"]

    run_virtual(work())


def test_a_sooner_deadline_counts_and_a_later_one_does_not() -> None:
    async def work() -> None:
        calls = Calls(2)
        drain = drain_of(calls)
        drain.begin(5_000)
        await asyncio.sleep(0)
        drain.begin(9_000)
        assert drain.report().deadline_in_s <= 5_000
        drain.begin(0)
        await drain.wait()
        assert "goodbye to 2" in calls.did
        assert calls.did.count("refuse") == calls.did.count("withdraw") == 1

    run_virtual(work())


def test_who_gives_up_waiting_does_not_end_the_drain() -> None:
    async def work() -> None:
        calls = Calls(1)
        drain = drain_of(calls)
        drain.begin()
        waiting = asyncio.create_task(drain.wait())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        calls.end(1)
        await drain.wait()
        assert drain.state is DrainState.DRAINED
        await drain.close()
        await drain.close()

    run_virtual(work())
