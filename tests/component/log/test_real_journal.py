"""Records in a real journal: systemd-journald in a namespace of its own, read back by journalctl."""

import json
import logging
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import journal, log

JOURNALD = Path("/lib/systemd/systemd-journald")
BOUND_S = 15.0

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not JOURNALD.exists() or shutil.which("journalctl") is None,
    reason="needs root and systemd's journald",
)


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"offhooktest{os.getpid()}"
    process = subprocess.Popen(
        [JOURNALD, name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline_s = time.monotonic() + BOUND_S
        while not socket_of(name).exists():
            if process.poll() is not None or time.monotonic() > deadline_s:
                pytest.skip("journald does not start here")
            time.sleep(0.05)
        yield name
    finally:
        process.terminate()
        process.wait(BOUND_S)
        for folder in (*Path("/var/log/journal").glob(f"*.{name}"), socket_of(name).parent):
            shutil.rmtree(folder, ignore_errors=True)
        for folder in Path("/run/log/journal").glob(f"*.{name}"):
            shutil.rmtree(folder, ignore_errors=True)


def socket_of(name: str) -> Path:
    return Path(f"/run/systemd/journal.{name}/socket")


def test_records_are_found_by_call_and_large_ones_are_whole(namespace: str) -> None:
    fields = log.JournalFields(process="", mask_pii=True)
    handler = journal.JournalHandler(fields.fields, str(socket_of(namespace)))
    logger = logging.getLogger("test.real_journal")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        call = log.for_call(logger, "c_1")
        call.info("call offered", extra={"pii_caller": "+4930123456", "agent": "desk"})
        call.error("large", extra={"what": "x" * 400_000})
        logger.info("of no call")
    finally:
        logger.removeHandler(handler)
        handler.close()
    assert handler.dropped == 0

    records = read(namespace, "OFFHOOK_CALL_ID=c_1", wanted=2)
    assert [record["MESSAGE"] for record in records] == ["call offered", "large"]
    assert records[0]["OFFHOOK_PII_CALLER"] == "***56"
    assert records[0]["PRIORITY"] == "6"
    assert len(records[1]["OFFHOOK_WHAT"]) == 400_000


def read(namespace: str, match: str, *, wanted: int) -> list[dict[str, str]]:
    command = ["journalctl", f"--namespace={namespace}", "-o", "json", "--all", match]
    deadline_s = time.monotonic() + BOUND_S
    while True:
        told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        records = [json.loads(line) for line in told.splitlines()]
        if len(records) >= wanted or time.monotonic() > deadline_s:
            return records
        time.sleep(0.1)
