"""Starts workers for the tests of this folder."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from gateway.model import events
from tests.interop.support.gateway_peer import GatewayPeer, sip_config, sip_port
from tests.interop.support.rtp import RtpSocket
from tests.interop.support.sipp import Sipp, start_sipp

StartWorker = Callable[..., GatewayPeer]
Dial = Callable[..., Sipp]


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[StartWorker]:
    """Start a worker with `[sip]` values; all are ended with the test, and must end well."""
    with ExitStack() as stack:

        def start(
            on_offered: Callable[[GatewayPeer, int, events.Offered], None] | None = None, **sip: Any
        ) -> GatewayPeer:
            peer = GatewayPeer(sip_config(**sip), on_offered, tmp_path / "worker.log")
            return stack.enter_context(peer)

        yield start
    log = (tmp_path / "worker.log").read_text() if (tmp_path / "worker.log").exists() else ""
    assert "Traceback" not in log, log
    assert "Fatal Python error" not in log, log


@pytest.fixture
def rtp() -> Iterator[RtpSocket]:
    with RtpSocket() as media:
        yield media


@pytest.fixture
def dial(tmp_path: Path, rtp: RtpSocket) -> Iterator[Dial]:
    """Start a SIPp scenario towards a worker; its media goes to `rtp`."""
    running: list[Sipp] = []

    def start(peer: GatewayPeer, scenario: str, **options: Any) -> Sipp:
        keys = {"rtp_port": str(rtp.port), **options.pop("keys", {})}
        directory = tmp_path / f"sipp{len(running)}"
        running.append(start_sipp(scenario, sip_port(peer), directory, keys=keys, **options))
        return running[-1]

    yield start
    for sipp in running:
        sipp.stop()
