"""sd_notify over real sockets, by path and by abstract name."""

import logging
import os
import re
import time
from pathlib import Path

import pytest

from gateway.service.notify import STATUS_MOST, Notifier
from tests.support.service_manager import ManagerSocket


def wait_for(manager: ManagerSocket, count: int) -> list[str]:
    deadline_s = time.monotonic() + 5
    while len(manager.told) < count:
        assert time.monotonic() < deadline_s, manager.texts()
        time.sleep(0.01)
    return manager.texts()


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_everything_is_told_in_the_words_of_the_protocol(tmp_path: Path, kind: str) -> None:
    address = str(tmp_path / "notify") if kind == "path" else f"@offhook-test-{os.getpid()}"
    with ManagerSocket(address) as manager:
        environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000", "HOME": "/"}
        notifier = Notifier.of_environment(environment)
        assert environment == {"HOME": "/"}  # workers are not to speak for us
        assert notifier.is_on
        assert notifier.watchdog_s == 30.0

        notifier.status("loading\nmodels " + "x" * 500)
        notifier.ready()
        notifier.watchdog()
        notifier.reloading()
        notifier.stopping()
        notifier.extend(12.5)
        texts = wait_for(manager, 6)
        notifier.close()
        notifier.close()
        notifier.ready()

    assert texts[0] == f"STATUS=loading models {'x' * 500}"[: STATUS_MOST + len("STATUS=")]
    assert texts[1:3] == ["READY=1", "WATCHDOG=1"]
    reload = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", texts[3])
    assert reload is not None
    # The manager compares it with its own clock, which is the same one.
    assert 0 <= time.monotonic() - int(reload[1]) / 1e6 < 10
    assert texts[4:] == ["STOPPING=1", "EXTEND_TIMEOUT_USEC=12500000"]


def test_the_same_status_is_told_once(tmp_path: Path) -> None:
    with ManagerSocket(tmp_path / "notify") as manager:
        notifier = Notifier(manager.address)
        for text in ("1 call", "1 call", "2 calls"):
            notifier.status(text)
        assert wait_for(manager, 2) == ["STATUS=1 call", "STATUS=2 calls"]
        notifier.close()


def test_a_watchdog_of_another_process_is_not_ours() -> None:
    environment = {
        "NOTIFY_SOCKET": "@x",
        "WATCHDOG_USEC": "30000000",
        "WATCHDOG_PID": str(os.getpid() + 1),
    }
    notifier = Notifier.of_environment(environment)
    assert notifier.watchdog_s == 0
    notifier.close()


@pytest.mark.parametrize("address", ["", "relative", "@", "/", "vsock:1:2"])
def test_without_a_manager_nothing_happens(address: str) -> None:
    notifier = Notifier.of_environment({"NOTIFY_SOCKET": address})
    assert not notifier.is_on
    notifier.ready()
    notifier.close()


def test_a_manager_that_is_away_costs_one_line_of_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    notifier = Notifier(str(tmp_path / "nobody"))
    with caplog.at_level(logging.WARNING):
        for _ in range(50):
            notifier.watchdog()
    assert [record.getMessage() for record in caplog.records] == [
        "the service manager does not listen"
    ]
    with ManagerSocket(tmp_path / "nobody") as manager:
        notifier.ready()
        assert wait_for(manager, 1) == ["READY=1"]
    notifier.close()
