"""What happens to calls when their worker process dies, hangs, or talks nonsense."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from gateway.endpoints.worker import WorkerEndpoint
from gateway.errors import EndpointError
from gateway.link import supervisor
from gateway.link.messages import LINK_VERSION
from gateway.metrics import Metrics
from gateway.model.events import Ended, EndpointKind, Marked, MediaUp
from gateway.model.hangup import HangupCause
from tests.component.link.worker_harness import WorkerHarness
from tests.support.fake_call import tone
from tests.support.leg_recorder import LegRecorder, RecordedLeg

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same ladder with shorter steps."""
    monkeypatch.setattr(supervisor, "PING_EVERY_S", 0.1)
    monkeypatch.setattr(supervisor, "BACKOFF_FIRST_S", 0.1)
    monkeypatch.setattr(supervisor, "STOP_LINK_S", 1.0)
    monkeypatch.setattr(supervisor, "STOP_TERM_S", 1.0)


async def talk(harness: WorkerHarness) -> RecordedLeg:
    count = len(harness.recorder.legs)
    await harness.offer()
    call = await harness.recorder.wait_offer(count + 1)
    call.leg.answer()
    call.leg.play(tone(3_000))
    call.leg.mark("end")
    await call.wait_for(MediaUp)
    return call


def is_running(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # the process table has no event to wait for
            await asyncio.sleep(0.02)


async def kill(harness: WorkerHarness) -> None:
    assert harness.worker.pid is not None
    harness.control.expect_restart()
    os.kill(harness.worker.pid, signal.SIGKILL)


async def freeze(harness: WorkerHarness) -> None:
    assert harness.worker.pid is not None
    harness.control.expect_restart()
    os.kill(harness.worker.pid, signal.SIGSTOP)


async def crash(harness: WorkerHarness) -> None:
    await harness.control.order_last("exit")


async def hang(harness: WorkerHarness) -> None:
    await harness.control.order_last("hang")


async def garble(harness: WorkerHarness) -> None:
    await harness.control.order_last("garble")


async def say_nonsense(harness: WorkerHarness) -> None:
    await harness.control.order_last("say_nonsense")


@pytest.mark.parametrize("fault", [kill, freeze, hang, crash, garble, say_nonsense])
async def test_a_lost_worker_ends_each_leg_once_and_is_started_again(
    harness: WorkerHarness, fault: Callable[[WorkerHarness], Awaitable[None]]
) -> None:
    calls = [await talk(harness), await talk(harness)]
    first_pid = harness.worker.pid

    await fault(harness)
    for call in calls:
        assert (await call.wait_ended()).cause is HangupCause.WORKER_LOST
    await until(lambda: harness.worker.is_ready and harness.worker.pid != first_pid)

    for call in calls:
        call.leg.play(tone(20))
        call.leg.hang_up(HangupCause.AGENT_HUNG_UP)
        assert len(call.of(Ended)) == 1
        assert call.of(Marked) == []
    restarts = harness.metrics.worker_restarts.labels(worker="fake")
    assert restarts._value.get() >= 1
    again = await talk(harness)
    assert len(harness.worker.legs()) == 1
    assert again.of(Ended) == []


async def test_the_worker_exits_when_the_gateway_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "doomed.py"
    script.write_text(
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from tests.component.link.worker_harness import WorkerHarness\n"
        "async def main():\n"
        "    harness = WorkerHarness(Path(sys.argv[1]))\n"
        "    await harness.start()\n"
        "    await harness.offer()\n"
        "    print(harness.worker.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    gateway = await asyncio.create_subprocess_exec(
        sys.executable,
        str(script),
        str(tmp_path),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert gateway.stdout is not None
    async with asyncio.timeout(20):
        worker_pid = int(await gateway.stdout.readline())
    assert is_running(worker_pid)

    gateway.kill()
    await gateway.wait()

    await until(lambda: not is_running(worker_pid))


async def test_the_worker_is_gone_after_a_stop(harness: WorkerHarness) -> None:
    await talk(harness)
    pid = harness.worker.pid

    await harness.worker.stop()

    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_the_worker_inherits_its_link_and_nothing_else(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    secret = os.open(tmp_path / "secret", os.O_CREAT | os.O_RDWR)
    os.set_inheritable(secret, True)
    try:
        open_files = await harness.control.order("descriptors")
    finally:
        os.close(secret)

    kinds = sorted(target.split(":")[0] for number, target in open_files["open"] if number > 2)
    assert kinds == ["anon_inode", "socket", "socket"]  # eventfd, link, the test's own connection


async def test_a_drained_worker_refuses_but_keeps_its_calls(harness: WorkerHarness) -> None:
    call = await talk(harness)

    harness.worker.drain()
    await until(lambda: harness.worker.counters == {"calls": 1, "draining": 1})
    await harness.control.order("offer")
    await until(lambda: bool(harness.recorder.refused))

    [(_, cause)] = harness.recorder.refused
    assert cause is HangupCause.DRAINING
    assert call.of(Ended) == []


async def test_a_worker_that_is_started_again_while_draining_refuses_too(
    harness: WorkerHarness,
) -> None:
    harness.worker.drain()
    await until(lambda: harness.worker.counters.get("draining") == 1)
    first = harness.worker.pid
    assert first is not None

    os.kill(first, signal.SIGKILL)
    await until(lambda: harness.worker.is_ready and harness.worker.pid != first)

    await until(lambda: harness.worker.counters.get("draining") == 1)


async def test_tick_lateness_is_observed(harness: WorkerHarness) -> None:
    await talk(harness)
    await asyncio.sleep(0.3)

    count = harness.metrics.registry.get_sample_value("offhook_media_tick_lateness_seconds_count")
    assert count is not None
    assert count >= 5


async def test_a_fault_in_a_listener_costs_its_call_only(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = await talk(harness)

    def fail(event: object) -> None:
        raise RuntimeError(f"cannot take {event!r}")

    monkeypatch.setattr(call, "on_leg_event", fail)
    call.leg.clear()
    other = await talk(harness)
    await asyncio.sleep(0.2)

    assert harness.worker.is_ready
    assert other.of(Ended) == []


def endpoint_of(*argv: str) -> WorkerEndpoint:
    recorder = LegRecorder()
    return WorkerEndpoint(
        EndpointKind.FAKE, lambda _: argv, offers=recorder, ticks=recorder, metrics=Metrics()
    )


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (("/nonexistent/worker",), "cannot be started"),
        ((sys.executable, "-c", "raise SystemExit(3)"), "closed the link"),
        ((sys.executable, "-c", "import time; time.sleep(60)"), "no hello"),
    ],
)
async def test_a_worker_that_does_not_come_up_is_an_error_not_a_loop(
    argv: tuple[str, ...], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "HANDSHAKE_S", 0.5)
    endpoint = endpoint_of(*argv)
    began_s = time.monotonic()

    with pytest.raises(EndpointError, match=reason):
        await endpoint.start()

    assert time.monotonic() - began_s < 10
    assert endpoint.pid is None
    assert not endpoint.is_ready


async def test_a_fault_in_making_the_command_is_told(caplog: pytest.LogCaptureFixture) -> None:
    recorder = LegRecorder()

    def argv(fd: int) -> Sequence[str]:
        raise RuntimeError(f"no command for {fd}")

    endpoint = WorkerEndpoint(
        EndpointKind.FAKE, argv, offers=recorder, ticks=recorder, metrics=Metrics()
    )

    with pytest.raises(EndpointError, match="no command"):
        await endpoint.start()

    assert "supervising a worker failed" in caplog.text


async def test_a_worker_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LINK_VERSION", LINK_VERSION + 1)
    recorder = LegRecorder()
    endpoint = WorkerEndpoint(
        EndpointKind.FAKE,
        lambda fd: (sys.executable, "-m", "tests.support.fake_worker", f"--link-fd={fd}"),
        offers=recorder,
        ticks=recorder,
        metrics=Metrics(),
    )

    with pytest.raises(EndpointError, match=f"version {LINK_VERSION}"):
        await endpoint.start()


async def test_a_worker_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    stubborn = (
        "import signal, socket, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "sock = socket.socket(fileno=int(sys.argv[1]))\n"
        f'sock.send(b\'C[{{"t":"hello","version":{LINK_VERSION},"pid":1,"facts":{{}}}}]\')\n'
        "time.sleep(60)\n"
    )
    script = tmp_path / "stubborn.py"
    script.write_text(stubborn)
    recorder = LegRecorder()
    endpoint = WorkerEndpoint(
        EndpointKind.FAKE,
        lambda fd: (sys.executable, str(script), str(fd)),
        offers=recorder,
        ticks=recorder,
        metrics=Metrics(),
    )
    await endpoint.start()
    pid = endpoint.pid

    await endpoint.stop()

    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
