"""Trunks: digest authentication of calls, registration, its withdrawal, and trunks that fail."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.model import commands, events
from gateway.model.events import Direction
from gateway.model.hangup import HangupCause
from tests.interop.sip.conftest import StartWorker
from tests.interop.sip.test_endings import assert_no_call_left, only_end
from tests.interop.support.gateway_peer import GatewayPeer, free_port
from tests.interop.support.rtp import RtpSocket
from tests.interop.support.sipp import Sipp, settle, start_sipp

StartTrunk = Callable[..., Sipp]
TARGET = 9
"""A trunk of SIPp is not told where we are: it only answers."""


@pytest.fixture
def trunk(tmp_path: Path, rtp: RtpSocket) -> Iterator[StartTrunk]:
    """Start SIPp as a trunk, before the worker."""
    running: list[Sipp] = []

    def start(scenario: str, **options: Any) -> Sipp:
        directory = tmp_path / f"trunk{len(running)}"
        keys = {"rtp_port": str(rtp.port)}
        running.append(start_sipp(scenario, TARGET, directory, keys=keys, **options))
        return running[-1]

    yield start
    for sipp in running:
        sipp.stop()


def section(tmp_path: Path, port: int, password: str = "right-horse", **more: Any) -> Any:
    """Return `[trunks]` with one trunk on loopback."""
    file = tmp_path / "trunk-password"
    file.write_text(f"{password}\n")
    return {
        "provider": {
            "host": "127.0.0.1",
            "port": port,
            "username": "offhook",
            "password_file": str(file),
            "domain": "trunk.example",
            **more,
        }
    }


def place(peer: GatewayPeer, port: int) -> int:
    peer.send(
        commands.Place(
            call_id="c_placed",
            target=f"sip:+4930123@127.0.0.1:{port}",
            caller="+49301",
            trunk="provider",
        )
    )
    return peer.wait_for_leg()


def test_a_challenged_call_is_answered(
    start_worker: StartWorker, trunk: StartTrunk, tmp_path: Path
) -> None:
    far = trunk("trunk_challenges")
    peer = start_worker(codecs=("PCMU",), trunks=section(tmp_path, far.port))
    leg = place(peer, far.port)
    offered = peer.wait_for(events.Offered, leg)
    assert offered.direction is Direction.OUTBOUND
    peer.wait_for(events.Answered, leg)
    peer.hang_up(leg)
    assert only_end(peer, leg).cause is HangupCause.AGENT_HUNG_UP
    far.expect_success()
    assert "From: <sip:+49301@trunk.example>" in far.messages()
    assert "m=text" not in far.messages()  # real-time text, which trunks do not know
    assert "right-horse" not in far.messages()
    assert_no_call_left(peer)


def test_a_wrong_password_is_the_trunks_failure(
    start_worker: StartWorker, trunk: StartTrunk, tmp_path: Path
) -> None:
    far = trunk("trunk_challenges")
    peer = start_worker(trunks=section(tmp_path, far.port, password="wrong-horse"))
    leg = place(peer, far.port)
    assert only_end(peer, leg).cause is HangupCause.TRUNK_FAILED
    assert_no_call_left(peer)


def test_a_trunk_that_does_not_exist(start_worker: StartWorker) -> None:
    peer = start_worker()
    leg = place(peer, free_port())
    ended = only_end(peer, leg)
    assert ended.cause is HangupCause.INTERNAL_ERROR
    assert "no trunk" in ended.detail


def test_what_is_played_before_the_answer_is_no_answer(
    start_worker: StartWorker, trunk: StartTrunk, rtp: RtpSocket, tmp_path: Path
) -> None:
    far = trunk("phone_plays_early")
    peer = start_worker(codecs=("PCMU",), trunks=section(tmp_path, far.port))
    leg = place(peer, far.port)
    peer.play(leg, b"\x10\x27" * 3_200)
    peer.mark(leg, "end")
    peer.wait_for(events.Ringing, leg)
    settle(0.4)
    assert not peer.of(events.MediaUp, leg)
    assert not peer.of(events.Marked, leg)
    peer.wait_for(events.MediaUp, leg)
    answered = peer.wait_for(events.Answered, leg)
    marked = peer.wait_for(events.Marked, leg)
    assert marked.played_ms == 200
    assert marked.at_s > answered.at_s
    peer.hang_up(leg)
    far.expect_success()


def test_registers_with_digest_and_withdraws_on_drain(
    start_worker: StartWorker, trunk: StartTrunk, tmp_path: Path
) -> None:
    far = trunk("registrar")
    peer = start_worker(trunks=section(tmp_path, far.port, registers=True))
    peer.until(lambda: registered(peer) == 1.0, 10, "a registration")
    peer.send(commands.Drain())
    far.expect_success()
    peer.until(lambda: registered(peer) == 0.0, 10, "the withdrawal")
    requests = [line for line in far.messages().splitlines() if line.startswith("Expires:")]
    assert [line.split()[1] for line in requests] == ["300", "300", "0"]


def test_withdraws_when_the_worker_ends(
    start_worker: StartWorker, trunk: StartTrunk, tmp_path: Path
) -> None:
    far = trunk("registrar")
    peer = start_worker(trunks=section(tmp_path, far.port, registers=True))
    peer.until(lambda: registered(peer) == 1.0, 10, "a registration")
    peer.hang_up_link()
    far.expect_success()


def test_tries_again_after_a_refusal(start_worker: StartWorker, tmp_path: Path) -> None:
    with Registrar((503, 500, 200)) as far:
        settings = {"registers": True, "register_retry_s": 0.2}
        peer = start_worker(trunks=section(tmp_path, far.port, **settings))
        peer.until(lambda: registered(peer) == 1.0, 10, "a registration")
        assert far.statuses == [503, 500, 200]


class Registrar:
    """Answers REGISTERs with these statuses, the last one for ever. A context manager."""

    def __init__(self, statuses: tuple[int, ...]) -> None:
        self._wanted = statuses
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.statuses: list[int] = []

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def __enter__(self) -> "Registrar":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(5)
        self._socket.close()

    def _run(self) -> None:
        while request := self._socket.recvfrom(65_536)[0].decode():
            lines = request.split("\r\n")
            kept = [line for line in lines if re.match("(Via|From|To|Call-ID|CSeq|Contact):", line)]
            status = self._wanted[min(len(self.statuses), len(self._wanted) - 1)]
            answer = [f"SIP/2.0 {status} Told", *kept, "Expires: 300", "Content-Length: 0", "", ""]
            via = next(line for line in lines if line.startswith("Via:"))
            port = int(via.split(";")[0].rpartition(":")[2])
            self.statuses.append(status)
            self._socket.sendto("\r\n".join(answer).encode(), ("127.0.0.1", port))


def registered(peer: GatewayPeer) -> float:
    return peer.ping()["trunk_registered.provider"]
