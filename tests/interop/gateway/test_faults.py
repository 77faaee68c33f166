"""Processes that are killed, a machine that is busy, and shutting down: what callers notice of it."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from gateway.store.sqlite import DATABASE_FILE
from tests.interop.gateway.conftest import (
    ASK_HOURS,
    GREETING,
    LONG_GREETING,
    SETTINGS,
    Call,
    StartGateway,
    Words,
)
from tests.interop.gateway.matching import find
from tests.interop.gateway.running_gateway import (
    RunningGateway,
    call_kinds,
    entries,
    kinds,
    tell,
    until,
)
from tests.load.far_end import Callers
from tests.load.timelines import calls_since

CALLS = 25
_MU_LAW_SILENCE = b"\xff" * 8_000


@pytest.fixture(scope="module")
def battered(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[RunningGateway]:
    """A gateway whose workers are killed; the next test finds it well again."""
    with RunningGateway(tmp_path_factory.mktemp("battered"), cache, SETTINGS) as gateway:
        yield gateway


def test_a_telephony_worker_killed_in_mid_greeting(
    battered: RunningGateway, call: Call, rendered: Words
) -> None:
    caller = call(battered, "long")
    battered.wait_for(caller.number, "greeting_started")
    time.sleep(1)
    (pid,) = battered.pids("telephony")
    os.kill(pid, signal.SIGKILL)

    record = battered.wait_until_ended(caller.number)
    assert record["cause"] == "worker_lost"
    assert call_kinds(record)[-1] == "ended"
    assert entries(record, "ended", cause="worker_lost")
    (played,) = entries(record, "greeting_played")
    assert played["facts"]["interrupted"]
    assert played["facts"]["heard_ms"] < played["facts"]["duration_ms"]
    (line,) = entries(record, "agent_said", greeting=True)
    assert line["facts"]["interrupted"]
    assert 0 < len(line["text"]) < len(LONG_GREETING)
    (opened,) = entries(record, "gate_opened")
    assert opened["facts"]["reason"] == "endpoint_lost"

    until(lambda: battered.pids("telephony") not in ([], [pid]), 10, "a new worker")
    until(battered.is_ready, 10, "readiness")
    again = call(battered, scenario="until_we_hang_up", hold_s=4)
    record = battered.wait_for(again.number, "gate_opened", reason="greeting_played")
    again.expect_success()
    assert find(rendered(GREETING), again.heard()).correlation > 0.97
    assert battered.metric("offhook_calls_total", outcome="worker_lost") == 1
    assert battered.metric("offhook_worker_restarts_total") >= 1


def test_a_speech_worker_killed_in_mid_call(
    battered: RunningGateway, call: Call, words: Words
) -> None:
    caller = call(battered)
    battered.wait_for(caller.number, "gate_opened", reason="greeting_played")
    (pid,) = battered.pids("speech")
    os.kill(pid, signal.SIGKILL)
    caller.say(words(ASK_HOURS))

    record = battered.wait_for_words(caller.number, "nine to five", 25)
    assert record["state"] == "conversing"
    assert record["cause"] is None
    assert battered.pids("speech") not in ([], [pid])
    status, _ = battered.get(f"/api/v1/calls/{record['call_id']}/hangup", method="POST")
    assert status == 202
    caller.expect_success()
    assert battered.wait_until_ended(caller.number)["cause"] == "operator_hung_up"


def test_a_killed_gateway_ends_its_calls_and_closes_their_records(
    own_gateway: StartGateway, call: Call, rendered: Words
) -> None:
    gateway = own_gateway()
    caller = call(gateway)
    record = gateway.wait_for(caller.number, "gate_opened", reason="greeting_played")
    workers = gateway.pids("telephony") + gateway.pids("speech")
    assert len(workers) == 2
    gateway.signal(signal.SIGKILL)

    caller.expect_success()  # a BYE came
    until(lambda: not any(map(_is_alive, workers)), 10, "the end of the workers")
    gateway.start()
    found = gateway.record(record["call_id"])
    assert found["state"] == "ended"
    assert found["cause"] == "internal_error"
    assert found["detail"]
    assert kinds(found)[: len(kinds(record))] == kinds(record)
    assert call_kinds(found)[-1] == "ended"
    with sqlite3.connect(gateway.data_dir / DATABASE_FILE) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    again = call(gateway, scenario="until_we_hang_up", hold_s=4)
    again.expect_success()
    assert find(rendered(GREETING), again.heard()).correlation > 0.97


def test_a_busy_machine_beside_many_calls(
    battered: RunningGateway, call: Call, tmp_path: Path, rendered: Words
) -> None:
    since = time.time()
    dropped = battered.metric("offhook_frames_dropped_total")
    with _burners(), ExitStack() as stack:
        others = Callers(
            "hold",
            tmp_path / "others",
            battered.sip_port,
            "desk",
            calls=CALLS - 1,
            rate=10,
            hold_s=7,
            sound=_MU_LAW_SILENCE,
        )
        stack.callback(others.stop)
        caller = call(battered, scenario="until_we_hang_up", hold_s=7)
        until(lambda: battered.metric("offhook_calls_active") == CALLS, 15, f"{CALLS} calls")
        caller.expect_success(40)
        outcome = others.wait(40)

    assert (outcome.succeeded, outcome.failed) == (CALLS - 1, 0), outcome.trouble
    until(lambda: battered.metric("offhook_calls_active") == 0, 10, "the end of all calls")
    records = [battered.record(item.call_id) for item in calls_since(_database(battered), since)]
    assert len(records) == CALLS
    for record in records:
        assert record["cause"] == "caller_hung_up", tell(record)
        (played,) = entries(record, "greeting_played")
        assert not played["facts"]["interrupted"], tell(record)
        assert played["facts"]["heard_ms"] == played["facts"]["duration_ms"], tell(record)
        assert entries(record, "gate_opened", reason="greeting_played"), tell(record)
        (quality,) = entries(record, "media_quality")
        assert quality["facts"]["frames_dropped"] == 0, tell(record)
    assert battered.metric("offhook_frames_dropped_total") == dropped
    sequence = [packet.sequence for packet in caller.media.packets]
    assert sequence == [(sequence[0] + step) & 0xFFFF for step in range(len(sequence))]
    assert find(rendered(GREETING), caller.heard()).correlation > 0.97


def test_shutting_down_takes_no_new_call_and_a_second_signal_ends_the_running_one(
    own_gateway: StartGateway, call: Call
) -> None:
    gateway = own_gateway()
    since = time.time()
    caller = call(gateway)
    gateway.wait_for(caller.number, "gate_opened", reason="greeting_played")
    gateway.signal(signal.SIGTERM)
    until(lambda: "accepting" in gateway.failing(), 5, "the draining")

    late = call(gateway, scenario="refused_503")
    late.expect_success()
    assert "\r\nRetry-After: " in late.sipp.messages() or "\nRetry-After: " in late.sipp.messages()
    assert gateway.call_of(caller.number)["state"] == "conversing"
    gateway.signal(signal.SIGTERM)
    caller.expect_success()
    assert gateway.process is not None
    assert gateway.process.wait(15) == 0
    assert not gateway.troubles()
    first, *refused = calls_since(_database(gateway), since)
    assert first.cause == "draining"
    # Nothing follows the end but the look the fallback took at it.
    *_, ended, fallback = first.lines
    assert (ended.kind, fallback.kind) == ("ended", "fallback")
    assert fallback.facts["reason"] == "nobody"
    assert [item.cause for item in refused] in ([], ["draining"])


def _database(gateway: RunningGateway) -> Path:
    return gateway.data_dir / DATABASE_FILE


def _is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and whom nobody has waited for does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@contextmanager
def _burners() -> Iterator[None]:
    """Keep every core busy, at the niceness of everybody else."""
    command = [sys.executable, "-c", "while True: pass"]
    running = [subprocess.Popen(command) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()
