"""Calls that the gateway places, to a trunk that answers, is busy, rings on, refuses, fails or is not there."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.interop.gateway.dialling import (
    GREETING,
    NUMBER,
    OURS,
    dial,
    post,
    settings,
    start_trunk,
    wait_for,
    wait_until_ended,
)
from tests.interop.gateway.running_gateway import RunningGateway, entries, kinds
from tests.interop.support.gateway_peer import free_port
from tests.interop.support.rtp import RtpSocket
from tests.interop.support.sipp import Sipp

Trunk = Callable[..., Sipp]


@pytest.fixture(scope="module")
def trunk_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def dialler(
    tmp_path_factory: pytest.TempPathFactory, cache: Path, trunk_port: int
) -> Iterator[RunningGateway]:
    """A gateway that may call Germany through the trunk."""
    directory = tmp_path_factory.mktemp("dialler")
    with RunningGateway(directory, cache, settings(directory, trunk_port)) as gateway:
        yield gateway


@pytest.fixture
def media() -> Iterator[RtpSocket]:
    with RtpSocket() as rtp:
        yield rtp


@pytest.fixture
def trunk(tmp_path: Path, trunk_port: int, media: RtpSocket) -> Iterator[Trunk]:
    """Start the trunk."""
    with ExitStack() as stack:

        def start(scenario: str, **options: Any) -> Sipp:
            far = start_trunk(scenario, tmp_path / "trunk", media, port=trunk_port, **options)
            stack.callback(far.stop)
            return far

        yield start


def test_whoever_answers_is_greeted(
    dialler: RunningGateway, trunk: Trunk, media: RtpSocket
) -> None:
    far = trunk("trunk_challenges")
    call_id = dial(dialler, greeting=GREETING)
    record = wait_for(dialler, call_id, "gate_opened")
    assert np.abs(media.audio()).max() > 1_000
    post(dialler, f"/api/v1/calls/{call_id}/hangup")
    far.expect_success()
    record = wait_until_ended(dialler, call_id)
    assert (record["direction"], record["caller"], record["callee"]) == ("outbound", OURS, NUMBER)
    assert (record["agent"], record["cause"]) == ("desk", "operator_hung_up")
    (greeted,) = entries(record, "greeting_played")
    assert not greeted["facts"]["interrupted"]
    told = kinds(record)
    assert told.index("answered") < told.index("greeting_started") < told.index("gate_opened")
    assert "From: <sip:+493099@trunk.example>" in far.messages()


def test_what_is_played_before_the_answer_neither_greets_nor_opens_the_gate(
    dialler: RunningGateway, trunk: Trunk
) -> None:
    far = trunk("phone_plays_early")
    call_id = dial(dialler)
    record = wait_for(dialler, call_id, "greeting_started")
    (ringing,) = entries(record, "ringing")
    (answered,) = entries(record, "answered")
    (started,) = entries(record, "greeting_started")
    assert ringing["offset_ms"] + 500 < answered["offset_ms"] <= started["offset_ms"] + 50
    post(dialler, f"/api/v1/calls/{call_id}/hangup")
    far.expect_success()
    assert wait_until_ended(dialler, call_id)["cause"] == "operator_hung_up"


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (404, "invalid_number"),
        (480, "no_answer"),
        (486, "busy"),
        (503, "trunk_failed"),
        (603, "rejected"),
    ],
)
def test_who_does_not_answer(
    dialler: RunningGateway, trunk: Trunk, status: int, cause: str
) -> None:
    far = trunk("phone_refuses", status=status)
    call_id = dial(dialler)
    record = wait_until_ended(dialler, call_id)
    far.expect_success()
    assert (record["cause"], record["answered_ms"]) == (cause, None)
    assert record["detail"].startswith(str(status))
    assert not entries(record, "greeting_started")


def test_hung_up_while_it_rings(dialler: RunningGateway, trunk: Trunk) -> None:
    far = trunk("phone_rings_on")
    call_id = dial(dialler)
    wait_for(dialler, call_id, "ringing")
    assert post(dialler, f"/api/v1/calls/{call_id}/hangup")[0] == 202
    assert wait_until_ended(dialler, call_id)["cause"] == "operator_hung_up"
    far.expect_success()
    assert "CANCEL sip:" in far.messages()


def test_nobody_answers_in_time(tmp_path: Path, cache: Path, trunk: Trunk, trunk_port: int) -> None:
    directory = tmp_path / "own"
    rules = settings(directory, trunk_port, ring_s=5)
    with RunningGateway(directory, cache, rules) as gateway:
        far = trunk("phone_rings_on")
        record = wait_until_ended(gateway, dial(gateway))
        far.expect_success()
    assert record["cause"] == "no_answer"
    assert 4_000 < record["ended_ms"] < 9_000


def test_the_worker_dies_while_it_rings(dialler: RunningGateway, trunk: Trunk) -> None:
    trunk("phone_rings_on")
    call_id = dial(dialler)
    wait_for(dialler, call_id, "ringing")
    (pid,) = dialler.pids("telephony")
    os.kill(pid, signal.SIGKILL)
    assert wait_until_ended(dialler, call_id)["cause"] == "worker_lost"


def test_a_drain_gives_up_what_rings(
    tmp_path: Path, cache: Path, trunk: Trunk, trunk_port: int
) -> None:
    directory = tmp_path / "own"
    with RunningGateway(directory, cache, settings(directory, trunk_port)) as gateway:
        far = trunk("phone_rings_on")
        call_id = dial(gateway)
        wait_for(gateway, call_id, "ringing")
        gateway.stop()
        far.expect_success()
        assert "CANCEL sip:" in far.messages()


def test_limits_hold_over_a_crash(
    tmp_path: Path, cache: Path, trunk: Trunk, trunk_port: int
) -> None:
    directory = tmp_path / "own"
    rules = settings(directory, trunk_port, calls_per_day=1)
    with RunningGateway(directory, cache, rules) as gateway:
        trunk("phone_rings_on")
        wait_for(gateway, dial(gateway), "ringing")
        gateway.signal(signal.SIGKILL)
        gateway.start()
        status, body = post(gateway, "/api/v1/calls", {"to": NUMBER})
        assert (status, body["error"]["code"]) == (429, "dial.too_many_today")
        assert "dialling.calls_per_day" in body["error"]["message"]


def test_what_may_not_be_dialled_is_not(dialler: RunningGateway) -> None:
    for body, status, code in (
        ({"to": "+1900123"}, 403, "dial.not_allowed"),
        ({"to": "sip:me@192.0.2.1"}, 400, "dial.invalid_number"),
        ({"to": NUMBER, "from": "+12125550123"}, 403, "dial.caller_id"),
        ({"to": NUMBER, "trunk": "other"}, 404, "dial.no_trunk"),
        ({"to": NUMBER, "agent": "other"}, 404, "dial.no_agent"),
        ({"to": ""}, 400, "http.bad_request"),
    ):
        answered, told = post(dialler, "/api/v1/calls", body)
        assert (answered, told["error"]["code"]) == (status, code)
    calls = [call for call in dialler.calls() if call["callee"] == "+1900123"]
    assert not calls


def test_one_key_places_one_call(dialler: RunningGateway, trunk: Trunk) -> None:
    trunk("phone_refuses", status=486)
    headers = {"Idempotency-Key": "order 17"}
    status, first = post(dialler, "/api/v1/calls", {"to": NUMBER}, **headers)
    again, second = post(dialler, "/api/v1/calls", {"to": NUMBER}, **headers)
    assert (status, again) == (201, 200)
    assert first["call_id"] == second["call_id"]
    other, told = post(dialler, "/api/v1/calls", {"to": "+4940123456"}, **headers)
    assert (other, told["error"]["code"]) == (409, "dial.key_reused")
    wait_until_ended(dialler, first["call_id"])


def test_the_command_line_follows_a_call(dialler: RunningGateway, trunk: Trunk) -> None:
    trunk("phone_refuses", status=486)
    command = [sys.executable, "-m", "gateway", "call", NUMBER]
    done = subprocess.run(
        [*command, "--config", str(dialler.config_file)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert NUMBER in done.stdout
    assert "cause: busy" in done.stdout


def test_a_trunk_is_let_in_and_rules_are_read_again(
    tmp_path: Path, cache: Path, trunk: Trunk, trunk_port: int
) -> None:
    directory = tmp_path / "own"
    rules = settings(directory, trunk_port)
    with RunningGateway(directory, cache, rules, sip='allow = ["192.0.2.1/32"]') as gateway:
        trunk("phone_refuses", status=486, calls=2)
        assert wait_until_ended(gateway, dial(gateway))["cause"] == "busy"

        text = gateway.config_file.read_text().replace("192.0.2.1/32", "192.0.2.2/32")
        gateway.config_file.write_text(text)
        assert post(gateway, "/api/v1/reload")[0] == 200
        # Who may call has changed; the trunk's packets are let in as before.
        assert wait_until_ended(gateway, dial(gateway))["cause"] == "busy"

        gateway.config_file.write_text(text.replace('allow = ["+49"]', 'allow = ["+44"]'))
        assert post(gateway, "/api/v1/reload")[0] == 200
        status, told = post(gateway, "/api/v1/calls", {"to": NUMBER})
        assert (status, told["error"]["code"]) == (403, "dial.not_allowed")
