"""A media clock that stutters: further calls are refused in time, running ones go on, and it ends again."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.interop.gateway.conftest import SETTINGS, Call, StartGateway
from tests.interop.gateway.running_gateway import tell, until

_STOPPED_S = 0.25
_RUNNING_S = 0.1


@contextmanager
def stuttering(pid: int) -> Iterator[None]:
    """Let a process run for a tenth of a second at a time only, as on a machine that has too much to do."""
    ends = threading.Event()

    def stutter() -> None:
        while not ends.is_set():
            os.kill(pid, signal.SIGSTOP)
            ends.wait(_STOPPED_S)
            os.kill(pid, signal.SIGCONT)
            ends.wait(_RUNNING_S)

    thread = threading.Thread(target=stutter, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()


def test_calls_are_refused_while_the_media_clock_is_late_and_taken_when_it_is_not(
    own_gateway: StartGateway, call: Call
) -> None:
    overload = "\n[overload]\nhot_s = 2\ncool_s = 2\nretry_after_s = 7\n"
    gateway = own_gateway(SETTINGS + overload)
    running = call(gateway, "echo")
    gateway.wait_for(running.number, "gate_opened")
    (worker,) = gateway.pids("telephony")

    with stuttering(worker):
        until(lambda: gateway.failing() == ["load"], 30, "refusals")
        assert gateway.metric("offhook_overload_state") == 2
        refused = call(gateway, "echo", scenario="refused_503")
        refused.expect_success()
        assert "Retry-After: 7" in refused.sipp.messages()
        assert gateway.wait_until_ended(refused.number)["cause"] == "overloaded"
        # Once more: it does not let every second one in, nor give up because it is calmer without new calls.
        call(gateway, "echo", scenario="refused_503").expect_success()
        assert gateway.metric("offhook_calls_shed_total", signal="tick_lateness") == 2

    until(lambda: gateway.metric("offhook_overload_state") == 0, 30, "the end of refusals")
    assert gateway.is_ready()
    taken = call(gateway, "echo", scenario="until_we_hang_up", hold_s=1)
    taken.expect_success()
    record = gateway.wait_for(running.number, "gate_opened")
    assert record["state"] == "conversing", tell(record)
    assert gateway.pids("telephony") == [worker]
    gateway.get(f"/api/v1/calls/{record['call_id']}/hangup", method="POST")
    running.expect_success()
    states = [line for line in gateway.log().splitlines() if '"load: calls are' in line]
    assert len(states) == 3
    assert not gateway.troubles()
