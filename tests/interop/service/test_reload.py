"""A reload under load: running calls notice nothing, the next ones get what is new, a broken file changes nothing."""

import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from gateway.store.sqlite import DATABASE_FILE
from tests.interop.gateway.caller import Caller
from tests.interop.gateway.conftest import SETTINGS, Call, StartGateway, Words
from tests.interop.gateway.matching import find
from tests.interop.gateway.running_gateway import RunningGateway, entries, tell, until
from tests.interop.service.conftest import GREETING
from tests.load.far_end import Callers
from tests.load.timelines import calls_since

CALLS = 20
NEW_GREETING = "Good day, this is the new desk."
_MU_LAW_SILENCE = b"\xff" * 8_000


def _rewrite(gateway: RunningGateway, before: str, after: str) -> None:
    text = gateway.config_file.read_text()
    assert before in text
    gateway.config_file.write_text(text.replace(before, after, 1))


def _reload(gateway: RunningGateway) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "gateway", "reload", "--config", str(gateway.config_file)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def test_under_load(own_gateway: StartGateway, call: Call, tmp_path: Path, rendered: Words) -> None:
    gateway = own_gateway()
    since = time.time()
    with ExitStack() as stack:
        others = Callers(
            "hold",
            tmp_path / "others",
            gateway.sip_port,
            "desk",
            calls=CALLS,
            rate=10,
            hold_s=12,
            sound=_MU_LAW_SILENCE,
        )
        stack.callback(others.stop)
        until(lambda: gateway.metric("offhook_calls_active") == CALLS, 15, f"{CALLS} calls")
        _rewrite(
            gateway,
            '[agents.desk]\nkind = "receptionist"\n',
            f'[agents.desk]\nkind = "receptionist"\ngreeting = "{NEW_GREETING}"\n',
        )
        _rewrite(gateway, "workers = 1", "workers = 2")
        done = _reload(gateway)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [
            "changed: agents.desk.greeting",
            "needs a restart: speech.workers",
        ]
        # As many as an impatient operator sends.
        for _ in range(5):
            gateway.signal(signal.SIGHUP)
        fresh = stack.enter_context(
            Caller(tmp_path, gateway.sip_port, "desk", scenario="until_we_hang_up", hold_s=5)
        )
        record = gateway.wait_for(fresh.number, "gate_opened", reason="greeting_played")
        # Rendered ahead of the change: nobody waits for it.
        (started,) = entries(record, "greeting_started")
        assert started["facts"]["audio"] == "cached", tell(record)
        fresh.expect_success()
        assert find(rendered(NEW_GREETING), fresh.heard()).correlation > 0.97
        outcome = others.wait(40)
        assert (outcome.succeeded, outcome.failed) == (CALLS, 0), outcome.trouble
    until(lambda: gateway.metric("offhook_calls_active") == 0, 10, "the end of all calls")
    calls = calls_since(gateway.data_dir / DATABASE_FILE, since)
    assert Counter(item.cause for item in calls) == {"caller_hung_up": CALLS + 1}
    assert not gateway.troubles()


def test_a_broken_file_changes_nothing(
    own_gateway: StartGateway, call: Call, rendered: Words
) -> None:
    gateway = own_gateway()
    _rewrite(gateway, 'number = "desk"\nagent = "desk"', 'number = "desk"\nagent = "nobody"')
    done = _reload(gateway)
    # The command reads the file, too, and sees it first.
    assert done.returncode == 2
    assert "agent 'nobody', which does not exist" in done.stderr
    gateway.signal(signal.SIGHUP)
    until(
        lambda: gateway.log().count("configuration not taken, the running one stays") == 1,
        10,
        "what the log says of it",
    )
    status, body = gateway.get("/api/v1/reload", method="POST")
    assert (status, body["error"]["code"]) == (422, "config.invalid")
    caller = call(gateway, scenario="until_we_hang_up", hold_s=4)
    gateway.wait_for(caller.number, "gate_opened", reason="greeting_played")
    caller.expect_success()
    assert find(rendered(GREETING), caller.heard()).correlation > 0.97
    assert gateway.is_ready()


def test_networks_that_may_call(own_gateway: StartGateway, call: Call) -> None:
    gateway = own_gateway()
    running = call(gateway)
    gateway.wait_for(running.number, "gate_opened")
    (pid,) = gateway.pids("telephony")
    _rewrite(gateway, "[speech]", 'allow = ["192.0.2.0/24"]\n[speech]')
    assert "changed: sip.allow" in _reload(gateway).stdout
    until(lambda: "networks that may call were read again" in gateway.log(), 5, "the change")
    stranger = call(gateway, scenario="until_we_hang_up")
    time.sleep(2)
    assert not any(item["caller"] == stranger.number for item in gateway.calls())
    assert gateway.call_of(running.number)["state"] == "conversing"

    _rewrite(gateway, "192.0.2.0/24", "127.0.0.0/8")
    assert "changed: sip.allow" in _reload(gateway).stdout
    # The stranger's INVITE is repeated, and now it is heard.
    gateway.wait_for(stranger.number, "gate_opened", 20)
    assert gateway.pids("telephony") == [pid]
    status, _ = gateway.get(
        f"/api/v1/calls/{gateway.call_of(running.number)['call_id']}/hangup", method="POST"
    )
    assert status == 202
    running.expect_success()


def test_numbers_and_agents_come_and_go(own_gateway: StartGateway, call: Call) -> None:
    gateway = own_gateway()
    assert SETTINGS in gateway.config_file.read_text()
    _rewrite(gateway, '[[numbers]]\nnumber = "echo"\nagent = "echo"\n', "")
    _rewrite(
        gateway,
        '[agents.echo]\nkind = "echo"',
        '[agents.parrot]\nkind = "echo"',
    )
    _rewrite(
        gateway,
        "[agents.parrot]",
        '[[numbers]]\nnumber = "parrot"\nagent = "parrot"\n[agents.parrot]',
    )
    done = _reload(gateway)
    assert done.returncode == 0, done.stderr
    call(gateway, "echo", scenario="refused_404").expect_success()
    caller = call(gateway, "parrot", scenario="until_we_hang_up", hold_s=4)
    record = gateway.wait_for(caller.number, "gate_opened", reason="greeting_played")
    assert record["agent"] == "parrot"
    caller.expect_success()
    assert not gateway.troubles()
