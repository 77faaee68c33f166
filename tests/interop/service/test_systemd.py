"""The units under a real systemd, in their sandbox: started, reloaded, watched, drained, started again."""

import json
import sys
import sysconfig
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway import directories
from tests.interop.gateway.caller import Caller
from tests.interop.gateway.running_gateway import until
from tests.interop.support.gateway_peer import free_port
from tests.support.own_systemd import CannotBoot, OwnSystemd, own_systemd

pytest.importorskip("pjsua2")

CHECKOUT = Path(__file__).parents[3]
UNIT = "offhook.service"
DRAIN_S = 4
FOLDERS = {
    "/opt/test/python": Path(sys.base_prefix),
    "/opt/test/checkout": CHECKOUT,
    "/opt/test/packages": Path(sysconfig.get_path("purelib")),
}
"""What runs, where the service's user may read it; homes are out of its sight."""
PROGRAM = f"/opt/test/python/bin/python{sys.version_info.major}.{sys.version_info.minor}"
SEARCHED = (
    "PYTHONPATH=/opt/test/checkout:/opt/test/packages",
    "LD_LIBRARY_PATH=/opt/test/python/lib",
)
CONFIG = "/etc/offhook/offhook.toml"


@dataclass(frozen=True, slots=True)
class Service:
    """The installed service, and where it listens."""

    machine: OwnSystemd
    sip_port: int
    http_port: int

    @property
    def pid(self) -> int:
        """The main process as the namespace numbers it."""
        return int(self.machine.show(UNIT, "MainPID"))

    def get(self, path: str) -> Any:
        token = (self.machine.root / "var/lib/offhook/api-token").read_text().strip()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}{path}",
            headers={"Authorization": f"Bearer {token}"},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)

    def wait_for_state(self, caller: Caller, state: str) -> None:
        def found() -> bool:
            calls = self.get("/api/v1/calls")["calls"]
            return any(c["caller"] == caller.number and c["state"] == state for c in calls)

        until(found, 15, f"a call {state}")

    def is_up(self) -> bool:
        shown = self.machine.show(UNIT, "ActiveState"), self.machine.show(UNIT, "SubState")
        return shown == ("active", "running")


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    try:
        with own_systemd(FOLDERS) as machine:
            yield _installed(machine)
    except CannotBoot as error:
        pytest.skip(f"no systemd of our own here: {error}")


def _installed(machine: OwnSystemd) -> Service:
    """Install for real, but with this environment in the place of one built for an hour of the network."""
    root = machine.root
    version = root / "opt/offhook/versions/0-20200101T000000"
    (version / "bin").mkdir(parents=True)
    (version / ".complete").touch()
    program = version / "bin/offhook"
    program.write_text(f'#!/bin/sh\nexport {" ".join(SEARCHED)}\nexec {PROGRAM} -m gateway "$@"\n')
    program.chmod(0o755)
    (version.parent.parent / "current").symlink_to(f"versions/{version.name}")
    models = root / "opt/offhook/share/models"
    models.mkdir(parents=True)
    for file in (directories.built() / "models").iterdir():
        (models / file.name).write_bytes(file.read_bytes())
    sip_port, http_port = free_port(), free_port()
    config = root / CONFIG.lstrip("/")
    config.parent.mkdir(exist_ok=True)
    config.write_text(
        f"""
[gateway]
data_dir = "/var/lib/offhook"
cache_dir = "/var/cache/offhook"
drain_s = {DRAIN_S}
[http]
port = {http_port}
[sip]
port = {sip_port}
[speech]
workers = 1
voice = "espeak"
second_voice = "none"
[turns]
reprompt_after_s = 60
[agents.desk]
kind = "receptionist"
[[numbers]]
number = "*"
agent = "desk"
"""
    )
    install = (PROGRAM, "-m", "gateway", "systemd", "install", "--source", "/opt/test/checkout")
    machine.run("env", *SEARCHED, *install)
    # So that nobody waits half a minute for the watchdog.
    drop_in = root / f"etc/systemd/system/{UNIT}.d/test.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\nWatchdogSec=8\nTimeoutAbortSec=2\n")
    machine.run("systemctl", "daemon-reload")
    return Service(machine, sip_port, http_port)


@pytest.fixture(autouse=True)
def _running(service: Service) -> None:
    if not service.is_up():
        service.machine.run("systemctl", "reset-failed", UNIT, check=False)
        done = service.machine.run("systemctl", "start", UNIT, check=False)
        assert done.returncode == 0, service.machine.journal(UNIT)[-3000:]


def test_it_runs_in_its_sandbox_as_its_own_user_and_takes_calls(
    service: Service, tmp_path: Path
) -> None:
    machine = service.machine
    until(lambda: machine.show(UNIT, "StatusText") == "serving, 0 calls", 10, "its status")
    owner = machine.run("stat", "-c", "%U", f"/proc/{service.pid}").stdout.strip()
    assert owner == "offhook"
    # Written where it may, and nowhere else.
    assert (machine.root / "var/lib/offhook/api-token").stat().st_mode & 0o077 == 0
    with Caller(
        tmp_path, service.sip_port, "desk", scenario="until_we_hang_up", hold_s=4
    ) as caller:
        service.wait_for_state(caller, "conversing")
        until(lambda: machine.show(UNIT, "StatusText") == "serving, 1 calls", 10, "its status")
        caller.expect_success()
        assert len(caller.media.packets) > 100


def test_systemctl_reload(service: Service) -> None:
    machine, config = service.machine, service.machine.root / CONFIG.lstrip("/")
    pid, text = service.pid, config.read_text()
    config.write_text(text.replace("reprompt_after_s = 60", "reprompt_after_s = 50"))
    machine.run("systemctl", "reload", UNIT)
    assert (
        "turns.reprompt_after_s"
        in machine.run("journalctl", "--no-pager", "-u", UNIT, "-o", "json").stdout
    )
    config.write_text(text.replace("[turns]", "[turn]"))
    assert machine.run("systemctl", "reload", UNIT, check=False).returncode != 0
    config.write_text(text)
    assert service.is_up()
    assert service.pid == pid
    assert service.get("/readyz")["ready"]


def test_a_frozen_gateway_is_started_again_by_the_watchdog(service: Service) -> None:
    machine, pid = service.machine, service.pid
    machine.run("kill", "-STOP", str(pid))
    until(lambda: service.pid not in (0, pid) and service.is_up(), 60, "another process")
    assert "Watchdog timeout" in machine.journal(UNIT)
    assert service.get("/readyz")["ready"]


def test_a_killed_gateway_is_started_again_and_leaves_no_worker(service: Service) -> None:
    machine, pid = service.machine, service.pid
    before = machine.show(UNIT, "NRestarts")
    machine.run("kill", "-KILL", str(pid))
    until(lambda: service.pid not in (0, pid) and service.is_up(), 60, "another process")
    assert int(machine.show(UNIT, "NRestarts")) == int(before) + 1


def test_systemctl_stop_drains(service: Service, tmp_path: Path) -> None:
    machine = service.machine
    killed = machine.journal(UNIT).count("Killing process")
    with Caller(tmp_path, service.sip_port, "desk") as caller:
        service.wait_for_state(caller, "conversing")
        began_s = time.monotonic()
        machine.run("systemctl", "stop", UNIT)
        assert time.monotonic() - began_s >= DRAIN_S
        caller.expect_success()  # a BYE came, behind the goodbye
    assert machine.show(UNIT, "Result") == "success"
    assert machine.show(UNIT, "ActiveState") == "inactive"
    assert machine.journal(UNIT).count("Killing process") == killed
