"""The worker as a process: how it starts, ends, dies, and lasts."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.model import events
from gateway.model.hangup import HangupCause
from tests.interop.sip.conftest import Dial, StartWorker
from tests.interop.sip.test_endings import assert_no_call_left
from tests.interop.support.gateway_peer import ROOT, GatewayPeer, sip_config, sip_port
from tests.interop.support.sipp import settle
from tests.interop.support.wire_phone import WirePhone


def answer_and_play(peer: GatewayPeer, leg: int, _: events.Offered) -> None:
    peer.mark(leg, "start")
    peer.play(leg, bytes(64_000))
    peer.answer(leg)


def test_two_hundred_short_calls_back_to_back(start_worker: StartWorker, dial: Dial) -> None:
    """Slots are used again at once; no call may end but by its caller's BYE."""
    peer = start_worker(answer_and_play, max_calls=10)
    assert peer.process is not None
    first = dial(peer, "short_call", calls=20, rate=40, limit=8)
    first.expect_success()
    before = open_files(peer.process.pid)
    sipp = dial(peer, "short_call", calls=200, rate=60, limit=8)
    sipp.expect_success(60)
    peer.until(lambda: len(peer.of(events.Ended)) == 220, 5, "220 ends")
    assert {ended.cause for ended in peer.of(events.Ended)} == {HangupCause.CALLER_HUNG_UP}
    numbers = [number for number, event in peer.events if isinstance(event, events.Offered)]
    assert len(set(numbers)) == 220
    assert not peer.refused
    assert_no_call_left(peer)
    settle(0.5)
    assert open_files(peer.process.pid) <= before + 2


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_the_gateway_goes_away(start_worker: StartWorker, dial: Dial) -> None:
    peer = start_worker(answer_and_play)
    sipp = dial(peer, "callee_hangs_up")
    peer.wait_for(events.MediaUp)
    peer.hang_up_link()
    sipp.expect_success()  # the caller gets BYE
    assert peer.process is not None
    assert peer.process.wait(8) == 0


def test_sigterm_ends_calls_and_tells(start_worker: StartWorker, dial: Dial) -> None:
    peer = start_worker(answer_and_play)
    sipp = dial(peer, "callee_hangs_up")
    peer.wait_for(events.MediaUp)
    assert peer.process is not None
    peer.process.send_signal(signal.SIGTERM)
    assert peer.wait_for(events.Ended).cause is HangupCause.DRAINING
    sipp.expect_success()
    assert peer.process.wait(8) == 0


def test_sigkill_closes_the_link(start_worker: StartWorker, dial: Dial) -> None:
    peer = start_worker(answer_and_play)
    dial(peer, "callee_hangs_up")
    peer.wait_for(events.MediaUp)
    assert peer.process is not None
    peer.process.kill()
    peer.until(lambda: peer.is_closed, 2, "the end of the link")
    # A new worker can listen on the same port at once.
    again = start_worker(port=sip_port(peer))
    with WirePhone(sip_port(again)) as phone:
        phone.send("OPTIONS", 1)
        phone.expect(200, "OPTIONS")


def test_a_worker_that_cannot_filter_does_not_start(tmp_path: Path) -> None:
    networks = tuple(f"10.{index // 100}.{index % 100 * 2}.0/24" for index in range(1_100))
    peer = GatewayPeer(sip_config(allow=networks), stderr=tmp_path / "log")
    with pytest.raises(AssertionError, match="did not start"), peer:
        pass
    assert peer.process is not None
    assert peer.process.wait(5) == 1
    assert "the kernel's filter holds" in (tmp_path / "log").read_text()


def test_a_taken_port_is_a_clear_error(start_worker: StartWorker, tmp_path: Path) -> None:
    port = sip_port(start_worker())
    second = GatewayPeer(sip_config(port=port), stderr=tmp_path / "log")
    with pytest.raises(AssertionError, match="did not start"), second:
        pass
    assert second.process is not None
    assert second.process.wait(5) == 1
    assert "Address already in use" in (tmp_path / "log").read_text()


def test_the_engine_tells_what_it_can() -> None:
    output = subprocess.run(
        [sys.executable, "-m", "telephony.engine", "--json"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=20,
    ).stdout
    facts = json.loads(output)
    assert facts["max_calls"] >= 4
    assert {"PCMU/8000/1", "PCMA/8000/1"} <= set(facts["codecs"])
    assert isinstance(facts["is_server_grade"], bool)


def test_hostile_messages(start_worker: StartWorker, dial: Dial) -> None:
    """Broken input gets an error or nothing, and the next call is served."""
    import socket

    peer = start_worker(answer_and_play)
    target = ("127.0.0.1", sip_port(peer))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as attacker:
        for data in (
            b"",
            b"\x00" * 1200,
            b"INVITE sip:\xff\xfe SIP/2.0\r\n\r\n",
            b"INVITE sip:1 SIP/2.0\r\nContent-Length: 99999999\r\n\r\n",
            b"A" * 60_000,
            b"INVITE sip:x@y SIP/2.0\r\n" + b"X-Long: " + b"y" * 50_000 + b"\r\n\r\n",
            b"SIP/2.0 200 OK\r\n\r\n",
        ):
            attacker.sendto(data, target)
    sipp = dial(peer, "short_call")
    sipp.expect_success()
    assert len(peer.of(events.Offered)) == 1
