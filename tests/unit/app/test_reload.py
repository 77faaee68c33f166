"""A reload changes everything or nothing."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from gateway.app.reload import Reload
from gateway.config import Config, GatewaySection
from gateway.errors import AssetError, ConfigError, GatewayError
from gateway.model.line import Agent


class Bench:
    """What a reload works on; it may be made to fail."""

    def __init__(self) -> None:
        self.running = Config()
        self.file: Config | GatewayError = Config()
        self.failure: GatewayError | None = None
        self.did: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.reload = Reload(
            read=self._read,
            running=lambda: self.running,
            prepare=self._prepare,
            swap=self._swap,
            tell=self._tell,
        )

    def change(self, **gateway: object) -> None:
        self.file = Config(gateway=GatewaySection.model_validate(gateway))

    def _read(self) -> Config:
        if isinstance(self.file, GatewayError):
            raise self.file
        return self.file

    async def _prepare(self, running: Config, new: Config) -> Mapping[str, Agent]:
        self.did.append("prepare")
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return {}

    def _swap(self, config: Config, agents: Mapping[str, Agent]) -> None:
        self.did.append("swap")
        self.running = config

    @contextmanager
    def _tell(self) -> Iterator[None]:
        self.did.append("reloading")
        yield
        self.did.append("ready")


async def test_a_changed_file_is_taken() -> None:
    bench = Bench()
    bench.change(drain_s=7, log_level="warning")
    report = await bench.reload.reload()
    assert report.changed == ("gateway.drain_s", "gateway.log_level")
    assert report.needs_restart == ()
    assert bench.did == ["reloading", "prepare", "swap", "ready"]
    assert bench.running.gateway.drain_s == 7


@pytest.mark.parametrize("failing", ["file", "prepare"])
async def test_what_fails_changes_nothing_and_is_logged(
    failing: str, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench()
    before = bench.running
    if failing == "file":
        bench.file = ConfigError("offhook.toml: sip.port: 'x' is not a number; write 5060")
    else:
        bench.change(drain_s=7)
        bench.failure = AssetError("hello.wav: has no audio; record it again")

    @contextmanager
    def tell() -> Iterator[None]:
        try:
            yield
        finally:
            bench.did.append("ready")

    bench.reload._tell = tell
    with pytest.raises(GatewayError):
        await bench.reload.reload()
    assert bench.running is before
    assert "swap" not in bench.did
    assert bench.did[-1] == "ready"  # the service manager must not wait for ever
    (record,) = [item for item in caplog.records if item.levelname == "ERROR"]
    assert record.getMessage() == "configuration not taken, the running one stays"


async def test_signals_while_one_is_under_way_are_one_more() -> None:
    bench = Bench()
    bench.gate.clear()
    for _ in range(20):
        bench.reload.on_signal()
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        while "prepare" not in bench.did:  # noqa: ASYNC110 - a thread reads the file
            await asyncio.sleep(0.001)
    bench.reload.on_signal()
    other = asyncio.create_task(bench.reload.reload())
    await asyncio.sleep(0)
    assert bench.did.count("prepare") == 1
    bench.gate.set()
    await other
    await bench.reload._signalled  # type: ignore[misc]
    assert bench.did.count("swap") == 3
    await bench.reload.close()


async def test_a_file_that_is_mended_while_a_reload_goes_on_is_read_by_the_next_signal() -> None:
    bench = Bench()
    bench.change(drain_s=7)
    bench.gate.clear()
    bench.reload.on_signal()
    async with asyncio.timeout(5):
        while "prepare" not in bench.did:  # noqa: ASYNC110 - a thread reads the file
            await asyncio.sleep(0.001)
    bench.change(drain_s=8)
    bench.reload.on_signal()
    bench.gate.set()
    await bench.reload._signalled  # type: ignore[misc]
    assert bench.running.gateway.drain_s == 8


async def test_a_fault_of_ours_in_a_reload_is_logged_and_the_next_signal_is_heard(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()
    bench.failure = ZeroDivisionError("a fault")  # type: ignore[assignment]
    bench.reload.on_signal()
    await bench.reload._signalled  # type: ignore[misc]
    (record,) = [item for item in caplog.records if item.levelname == "ERROR"]
    assert record.exc_info is not None
    bench.failure = None
    bench.change(drain_s=7)
    bench.reload.on_signal()
    await bench.reload._signalled  # type: ignore[misc]
    assert bench.running.gateway.drain_s == 7


async def test_a_signal_with_a_broken_file_is_only_logged() -> None:
    bench = Bench()
    bench.file = ConfigError("broken")
    bench.reload.on_signal()
    await bench.reload._signalled  # type: ignore[misc]
    assert "swap" not in bench.did
    await bench.reload.close()
