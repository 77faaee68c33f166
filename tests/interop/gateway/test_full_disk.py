"""No space for the store: calls go on, operators are told, and nothing is missing once there is space again."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.store.sqlite import DATABASE_FILE
from tests.interop.gateway.conftest import GREETING, Call, StartGateway, Words
from tests.interop.gateway.matching import find
from tests.interop.gateway.running_gateway import call_kinds, entries, kinds, tell, until
from tests.load.timelines import calls_since

_SIZE = 4 << 20


def test_calls_are_answered_and_written_down_later(
    own_gateway: StartGateway, call: Call, tmp_path: Path, rendered: Words
) -> None:
    with _small_disk(tmp_path / "disk") as disk:
        gateway = own_gateway(data_dir=disk / "data")
        try:
            filler = disk / "filler"
            _fill(filler)
            caller = call(gateway, scenario="until_we_hang_up", hold_s=4)
            caller.expect_success()
            assert find(rendered(GREETING), caller.heard()).correlation > 0.97
            assert gateway.failing() == ["store"]
            status, body = gateway.get("/readyz")
            assert status == 503
            assert body["checks"]["store"]["detail"]
            assert gateway.get("/healthz")[0] == 200
            assert gateway.metric("offhook_store_backlog") > 0

            filler.unlink()
            until(gateway.is_ready, 20, "recovery")
            record = gateway.wait_until_ended(caller.number)
            assert record["cause"] == "caller_hung_up"
            assert entries(record, "greeting_played", interrupted=False), tell(record)
            assert kinds(record)[0] == "offered"
            assert call_kinds(record)[-1] == "ended"
            assert gateway.metric("offhook_store_backlog") == 0
            again = call(gateway, scenario="until_we_hang_up", hold_s=1)
            again.expect_success()
            gateway.wait_until_ended(again.number)
            assert len(calls_since(disk / "data" / DATABASE_FILE, 0)) == 2
        finally:
            gateway.stop()


@contextmanager
def _small_disk(path: Path) -> Iterator[Path]:
    path.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "offhook-test", str(path)]
    mounted = subprocess.run(mounting, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk: {mounted.stderr.decode().strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def _fill(path: Path) -> None:
    """Write until nothing more fits."""
    with open(path, "wb", buffering=0) as file:
        try:
            while file.write(bytes(4_096)):
                pass
        except OSError:
            return
