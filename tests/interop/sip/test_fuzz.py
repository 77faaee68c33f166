"""The worker given what no telephone sends: by UDP, by TCP, on the ports of a call's media. It must not notice."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings

from gateway.model import commands, events
from gateway.model.hangup import HangupCause
from tests.interop.sip.conftest import Dial, StartWorker
from tests.interop.support.gateway_peer import GatewayPeer, sip_port
from tests.interop.support.wire_phone import WirePhone
from tests.load import processes
from tests.support.mutations import corpus, fuzzed, mutated

# Without shrinking: each step would want a worker of its own. The message that did it is told as it is.
harsh = settings(
    fuzzed, phases=[Phase.explicit, Phase.reuse, Phase.generate], database=None, print_blob=True
)

GROWTH_MOST_MB = 60
"""PJSIP keeps pools of what it has once needed; a leak for each message would be more than this."""


def refuse(peer: GatewayPeer, leg: int, _: events.Offered) -> None:
    """No call of a fuzzed INVITE stays: the next one finds the worker as it was."""
    peer.send(commands.Reject(leg=leg, cause=HangupCause.NO_ROUTE))


def resident_mb(pid: int) -> float:
    return processes.usage(pid).rss_mb


def answer(peer: GatewayPeer, leg: int, _: events.Offered) -> None:
    peer.answer(leg)


def assert_well(peer: GatewayPeer) -> None:
    """The same process answers a request as ever, over UDP."""
    assert peer.process is not None
    assert peer.process.poll() is None, "the worker died"
    peer.ping()
    with WirePhone(sip_port(peer)) as phone:
        phone.invite()
        phone.expect(404, "INVITE")
        phone.refusal_seen()


@pytest.fixture
def fuzzed_worker(start_worker: StartWorker, tmp_path: Path) -> Iterator[GatewayPeer]:
    peer = start_worker(refuse, max_calls=100)
    assert peer.process is not None
    pid = peer.process.pid
    for _ in range(5):
        assert_well(peer)
    before_mb = resident_mb(pid)
    yield peer
    assert_well(peer)
    assert peer.process.pid == pid
    assert not peer.is_closed
    # Nothing of what strangers sent stands in the log as a line of its own.
    for line in (tmp_path / "worker.log").read_text().splitlines():
        assert json.loads(line)["process"] == "telephony"
    assert resident_mb(pid) - before_mb < GROWTH_MOST_MB


def test_messages_that_were_wrong_before(fuzzed_worker: GatewayPeer) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for data in corpus("sip"):
            sock.sendto(data[:65_000], ("127.0.0.1", sip_port(fuzzed_worker)))
    assert_well(fuzzed_worker)


def test_mutated_datagrams(fuzzed_worker: GatewayPeer) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sent = 0

        @harsh
        @given(mutated(corpus("sip")))
        def run(data: bytes) -> None:
            nonlocal sent
            sock.sendto(data, ("127.0.0.1", sip_port(fuzzed_worker)))
            sent += 1
            assert fuzzed_worker.process is not None
            assert fuzzed_worker.process.poll() is None
            if not sent % 25:
                # Its thread has gone through them, so that the one that kills it is near.
                fuzzed_worker.ping()

        run()


def test_mutated_streams(fuzzed_worker: GatewayPeer) -> None:
    """TCP: messages cut anywhere, glued together, with lengths that lie; and connections that stay open."""
    held: list[socket.socket] = []

    @harsh
    @given(mutated(corpus("sip")), mutated(corpus("sip")))
    def run(first: bytes, second: bytes) -> None:
        sock = socket.create_connection(("127.0.0.1", sip_port(fuzzed_worker)), timeout=5)
        with contextlib.suppress(ConnectionError, TimeoutError):
            sock.sendall(first)
            sock.sendall(second)
        held.append(sock)
        while len(held) > 20:
            held.pop(0).close()
        assert fuzzed_worker.process is not None
        assert fuzzed_worker.process.poll() is None

    run()
    fuzzed_worker.ping()
    for sock in held:
        sock.close()


def test_mutated_media_of_a_call(start_worker: StartWorker, dial: Dial, tmp_path: Path) -> None:
    """RTP, RTCP and anything else, to both ports of a call that goes on."""
    peer = start_worker(answer)
    assert peer.process is not None
    sipp = dial(peer, "callee_hangs_up")
    leg = peer.wait_for_leg()
    peer.wait_for(events.MediaUp)
    port = media_port(tmp_path)
    before_mb = resident_mb(peer.process.pid)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for kind in ("rtp", "rtcp", "sip"):
            for data in corpus(kind):
                for offset in (0, 1):
                    sock.sendto(data, ("127.0.0.1", port + offset))

        @harsh
        @given(mutated([*corpus("rtp"), *corpus("rtcp")], most=3000))
        def run(data: bytes) -> None:
            for offset in (0, 1):
                sock.sendto(data, ("127.0.0.1", port + offset))
            assert peer.process is not None
            assert peer.process.poll() is None

        run()
    seen = len(peer.ticks)
    peer.until(lambda: len(peer.ticks) > seen + 25, 10, "ticks that go on")
    peer.ping()
    assert not peer.of(events.Ended)
    peer.hang_up(leg)
    sipp.expect_success()
    assert peer.wait_for(events.Ended).cause is HangupCause.AGENT_HUNG_UP
    assert resident_mb(peer.process.pid) - before_mb < GROWTH_MOST_MB


def media_port(tmp_path: Path) -> int:
    """Return where the worker takes media, as its answer said."""
    deadline_s = time.monotonic() + 5
    while time.monotonic() < deadline_s:
        for file in tmp_path.rglob("*messages*.log"):
            told = file.read_text(errors="replace").partition("SIP/2.0 200")[2]
            if "m=audio " in told:
                return int(told.partition("m=audio ")[2].split()[0])
        time.sleep(0.05)
    raise AssertionError("no answer with media was seen")
