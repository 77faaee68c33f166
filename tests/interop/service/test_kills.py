"""SIGKILL of the workers and of the gateway itself under load: what callers hear, what is recovered."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.store.sqlite import DATABASE_FILE
from tests.interop.gateway.caller import Caller
from tests.interop.gateway.conftest import Words
from tests.interop.gateway.matching import find
from tests.interop.gateway.running_gateway import RunningGateway, until
from tests.interop.service.conftest import GREETING, StartWriting
from tests.load import processes
from tests.load.far_end import Callers
from tests.load.timelines import Call, calls_since
from tests.support.twilio_stand_in import TwilioStandIn

if TYPE_CHECKING:
    from tests.interop.support.web_caller import WebCaller

OTHERS, MOBILES = 20, 5
"""Calls without anybody to write to, and callers with a mobile."""
CALLS = OTHERS + MOBILES
_MU_LAW_SILENCE = b"\xff" * 8_000


class Crowd:
    """All callers, once every call is answered and its greeting heard."""

    def __init__(self, stack: ExitStack, gateway: RunningGateway, folder: Path) -> None:
        self.since = time.time()
        self.mobiles = [
            stack.enter_context(
                Caller(folder, gateway.sip_port, "desk", number=f"+49170765432{place}")
            )
            for place in range(MOBILES)
        ]
        self.others = Callers(
            "hold",
            folder / "others",
            gateway.sip_port,
            "desk",
            calls=OTHERS,
            rate=10,
            hold_s=60,
            sound=_MU_LAW_SILENCE,
        )
        stack.callback(self.others.stop)
        until(lambda: gateway.metric("offhook_calls_active") == CALLS, 15, f"{CALLS} calls")
        for caller in self.mobiles:
            gateway.wait_for(caller.number, "gate_opened")

    def calls(self, gateway: RunningGateway) -> list[Call]:
        return calls_since(gateway.data_dir / DATABASE_FILE, self.since)

    def numbers(self) -> list[str]:
        return sorted(caller.number for caller in self.mobiles)


def _written_to(twilio: TwilioStandIn) -> list[str]:
    """Return who got a text, each time, of those with a mobile."""
    return sorted(taken.to for taken in twilio.taken if taken.to.startswith("+49"))


def _expect_a_good_call(gateway: RunningGateway, folder: Path, rendered: Words) -> None:
    with Caller(folder, gateway.sip_port, "desk", scenario="until_we_hang_up", hold_s=4) as caller:
        gateway.wait_for(caller.number, "gate_opened", reason="greeting_played")
        caller.expect_success()
        assert find(rendered(GREETING), caller.heard()).correlation > 0.97


def test_the_sip_worker(
    writing_gateway: StartWriting, twilio: TwilioStandIn, tmp_path: Path, rendered: Words
) -> None:
    gateway = writing_gateway(drain_s=5)
    with ExitStack() as stack:
        crowd = Crowd(stack, gateway, tmp_path)
        (pid,) = gateway.pids("telephony")
        os.kill(pid, signal.SIGKILL)
        until(lambda: gateway.metric("offhook_calls_active") == 0, 10, "the end of all calls")
        assert Counter(call.cause for call in crowd.calls(gateway)) == {"worker_lost": CALLS}
        until(lambda: len(_written_to(twilio)) >= MOBILES, 20, "the texts")
        until(gateway.is_ready, 10, "a new worker")
        _expect_a_good_call(gateway, tmp_path, rendered)
        assert _written_to(twilio) == crowd.numbers()


def test_the_gateway(
    writing_gateway: StartWriting, twilio: TwilioStandIn, tmp_path: Path, rendered: Words
) -> None:
    gateway = writing_gateway(drain_s=5)
    with ExitStack() as stack:
        crowd = Crowd(stack, gateway, tmp_path)
        assert gateway.process is not None
        family = [pid for pids in processes.family(gateway.process.pid).values() for pid in pids]
        workers = [pid for pid in family if pid != gateway.process.pid]
        assert len(workers) >= 2
        gateway.signal(signal.SIGKILL)
        for caller in crowd.mobiles:
            caller.expect_success()  # a BYE came: nobody listens to silence
        until(lambda: not any(map(_runs, workers)), 10, "the end of the workers")
        assert not twilio.taken

        gateway.start()
        calls = crowd.calls(gateway)
        assert Counter(call.cause for call in calls) == {"internal_error": CALLS}
        assert all(call.lines[-1].kind in ("ended", "fallback", "agent_said") for call in calls)
        until(lambda: len(_written_to(twilio)) >= MOBILES, 30, "the texts")
        _expect_a_good_call(gateway, tmp_path, rendered)
        assert _written_to(twilio) == crowd.numbers()
        assert not gateway.troubles()


def _runs(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_the_browser_worker(writing_gateway: StartWriting, tmp_path: Path) -> None:
    pytest.importorskip("aiortc")
    from tests.interop.support.web_caller import WebCaller

    gateway = writing_gateway(drain_s=0)
    with ExitStack() as stack:
        phone = stack.enter_context(Caller(tmp_path, gateway.sip_port, "desk"))
        gateway.wait_for(phone.number, "gate_opened")
        web = [stack.enter_context(_web_caller(gateway, WebCaller)) for _ in range(3)]
        numbers = [f"web:{caller.number}" for caller in web]
        for number in numbers:
            gateway.wait_for(number, "gate_opened", 20)
        before = gateway.pids("webrtc")
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        for number in numbers:
            assert gateway.wait_until_ended(number)["cause"] == "worker_lost"
        # The telephones are served by another process, and notice nothing.
        assert gateway.call_of(phone.number)["state"] == "conversing"
        until(
            lambda: set(gateway.pids("webrtc")) - set(before) and gateway.is_ready(), 20, "another"
        )
        again = stack.enter_context(_web_caller(gateway, WebCaller))
        gateway.wait_for(f"web:{again.number}", "gate_opened", 20)
        again.hang_up()


@contextmanager
def _web_caller(gateway: RunningGateway, kind: "type[WebCaller]") -> "Iterator[WebCaller]":
    # Its token names it, and is known only once it has a name.
    caller = kind(gateway.web_url("desk"))
    caller._target = f"{gateway.web_url('desk')}#{gateway.mint('desk', caller.number)}"
    with caller:
        yield caller.call()
