"""SIGTERM and `offhook drain` under load: nobody is cut, nobody gets in, who stays to the deadline is written to."""

import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from gateway.store.sqlite import DATABASE_FILE
from tests.interop.gateway.caller import Caller
from tests.interop.gateway.conftest import Call, StartGateway, Words
from tests.interop.gateway.matching import find
from tests.interop.gateway.running_gateway import RunningGateway, until
from tests.interop.service.conftest import GOODBYE, StartWriting
from tests.load.far_end import Callers
from tests.load.timelines import calls_since
from tests.support.twilio_stand_in import TwilioStandIn

SHORT, LONG = 17, 8
"""Calls that end by themselves while the gateway drains, and calls that would go on for ever."""
DRAIN_S = 14
_MU_LAW_SILENCE = b"\xff" * 8_000


def _cli(gateway: RunningGateway, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "gateway", *arguments, "--config", str(gateway.config_file)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_sigterm_under_25_calls(
    writing_gateway: StartWriting, twilio: TwilioStandIn, tmp_path: Path, rendered: Words
) -> None:
    gateway = writing_gateway(drain_s=DRAIN_S)
    since = time.time()
    with ExitStack() as stack:
        stay = [
            stack.enter_context(
                Caller(tmp_path, gateway.sip_port, "desk", number=f"+49170123450{place}")
            )
            for place in range(LONG)
        ]
        leave = Callers(
            "hold",
            tmp_path / "leave",
            gateway.sip_port,
            "desk",
            calls=SHORT,
            rate=10,
            hold_s=9,
            sound=_MU_LAW_SILENCE,
        )
        stack.callback(leave.stop)
        active = SHORT + LONG
        until(lambda: gateway.metric("offhook_calls_active") == active, 15, f"{active} calls")
        for caller in stay:
            gateway.wait_for(caller.number, "gate_opened")
        gateway.signal(signal.SIGTERM)
        until(lambda: "accepting" in gateway.failing(), 5, "the draining")
        assert gateway.get("/readyz")[0] == 503

        late = stack.enter_context(
            Caller(tmp_path, gateway.sip_port, "desk", scenario="refused_503")
        )
        late.expect_success()
        assert "\nRetry-After: " in late.sipp.messages().replace("\r", "")
        assert gateway.metric("offhook_calls_active") == active
        assert gateway.get("/api/v1/drain")[1]["state"] == "draining"

        outcome = leave.wait(30)
        assert (outcome.succeeded, outcome.failed) == (SHORT, 0), outcome.trouble
        for caller in stay:
            caller.expect_success(DRAIN_S + 20)  # a BYE came
        assert gateway.process is not None
        assert gateway.process.wait(30) == 0
        for caller in stay:
            assert find(rendered(GOODBYE), caller.heard()).correlation > 0.97

    causes = Counter(
        call.cause
        for call in calls_since(gateway.data_dir / DATABASE_FILE, since)
        if call.first("greeting_started") is not None
    )
    assert causes == {"caller_hung_up": SHORT, "draining": LONG}
    assert sorted(taken.to for taken in twilio.taken if taken.to.startswith("+49")) == sorted(
        caller.number for caller in stay
    )
    assert not gateway.troubles()


def test_messages_that_cannot_go_out_before_the_end_go_out_after_the_next_start(
    writing_gateway: StartWriting, twilio: TwilioStandIn, call: Call
) -> None:
    gateway = writing_gateway(drain_s=0)
    caller = call(gateway, number="+491701234567")
    gateway.wait_for(caller.number, "gate_opened")
    url, twilio.refusals[caller.number] = twilio.url, (503, 20500)
    gateway.signal(signal.SIGTERM)
    caller.expect_success()
    assert gateway.process is not None
    assert gateway.process.wait(40) == 0
    assert not twilio.taken

    twilio.refusals.clear()
    assert url == twilio.url
    gateway.start()
    until(lambda: twilio.taken, 30, "the text")
    assert [taken.to for taken in twilio.taken] == [caller.number]


def test_drained_by_command_it_lives_on_without_calls(
    own_gateway: StartGateway, call: Call
) -> None:
    gateway = own_gateway()
    caller = call(gateway)
    gateway.wait_for(caller.number, "gate_opened")
    with _cli(gateway, "drain", "--wait") as draining:
        assert draining.stdout is not None
        assert draining.stdout.readline().startswith("draining: 1 call, goodbyes in ")
        call(gateway, scenario="refused_503").expect_success()
        assert draining.poll() is None
        # The sooner deadline counts.
        with _cli(gateway, "drain", "--deadline", "1") as hurry:
            assert hurry.wait(20) == 0
        caller.expect_success()
        assert draining.wait(30) == 0
        assert draining.stdout.read().splitlines()[-1] == "drained: 0 calls"
    assert gateway.wait_until_ended(caller.number)["cause"] == "draining"
    status, body = gateway.get("/api/v1/drain")
    assert (status, body["state"], body["calls"]) == (200, "drained", 0)
    assert "accepting" in gateway.failing()
    call(gateway, scenario="refused_503").expect_success()
    began_s = time.monotonic()
    assert gateway.stop() == 0
    assert time.monotonic() - began_s < 10
    assert not gateway.troubles()
