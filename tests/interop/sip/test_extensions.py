"""What the far end may ask for beyond a plain call, and what it must not get by asking."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from gateway.model import commands, events
from gateway.model.hangup import HangupCause
from tests.interop.sip.conftest import Dial, StartWorker
from tests.interop.sip.test_endings import assert_no_call_left, only_end
from tests.interop.sip.test_trunks import place, section
from tests.interop.support.gateway_peer import GatewayPeer, sip_port
from tests.interop.support.rtp import RtpSocket
from tests.interop.support.sipp import settle
from tests.interop.support.wire_phone import WirePhone

OURS_HZ, THEIRS_HZ = 440, 1_000


@pytest.fixture
def elsewhere() -> Iterator[socket.socket]:
    """Somebody who must not be called."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(0.5)
        yield sock


def assert_nothing_came(sock: socket.socket) -> None:
    with pytest.raises(TimeoutError):
        sock.recv(65_536)


def answered(peer: GatewayPeer, phone: WirePhone) -> int:
    phone.invite()
    leg = peer.wait_for_leg()
    peer.answer(leg)
    phone.expect(200, "INVITE")
    phone.send("ACK", 1)
    peer.wait_for(events.MediaUp, leg)
    return leg


def hang_up(peer: GatewayPeer, phone: WirePhone, leg: int, cseq: int) -> None:
    phone.send("BYE", cseq)
    phone.expect(200, "BYE")
    assert only_end(peer, leg).cause is HangupCause.CALLER_HUNG_UP
    assert_no_call_left(peer)


def test_ringing_that_is_to_be_acknowledged(start_worker: StartWorker) -> None:
    """RFC 3262: the answer comes after the PRACK, and does not wait for ever for it."""
    peer = start_worker()
    with WirePhone(sip_port(peer)) as phone:
        phone.invite("Require: 100rel")
        sequence = phone.expect(180, "INVITE").header("RSeq")
        assert sequence
        phone.send("PRACK", 2, headers=[f"RAck: {sequence} 1 INVITE"])
        phone.expect(200, "PRACK")
        leg = peer.wait_for_leg()
        peer.answer(leg)
        phone.expect(200, "INVITE")
        phone.send("ACK", 1)
        peer.wait_for(events.MediaUp, leg)
        hang_up(peer, phone, leg, 3)


@pytest.mark.parametrize(
    ("headers", "status", "name", "value"),
    [
        (("Require: flux-capacitor",), 420, "Unsupported", "flux-capacitor"),
        (("Supported: timer", "Session-Expires: 30"), 422, "Min-SE", "90"),
    ],
)
def test_what_cannot_be_had_is_refused_by_name(
    start_worker: StartWorker, headers: tuple[str, ...], status: int, name: str, value: str
) -> None:
    peer = start_worker()
    with WirePhone(sip_port(peer)) as phone:
        phone.invite(*headers)
        assert phone.expect(status, "INVITE").header(name) == value
        phone.refusal_seen()
    assert_no_call_left(peer)


def test_a_session_that_is_refreshed_goes_on(start_worker: StartWorker) -> None:
    """RFC 4028: the caller refreshes with an UPDATE without an offer."""
    peer = start_worker()
    with WirePhone(sip_port(peer)) as phone:
        phone.invite("Supported: timer", "Session-Expires: 90;refresher=uac")
        leg = peer.wait_for_leg()
        peer.answer(leg)
        assert phone.expect(200, "INVITE").header("Session-Expires") == "90;refresher=uac"
        phone.send("ACK", 1)
        peer.wait_for(events.MediaUp, leg)
        refresh = ["Supported: timer", "Session-Expires: 90;refresher=uac"]
        phone.send("UPDATE", 2, headers=refresh)
        assert phone.expect(200, "UPDATE").header("Session-Expires") == "90;refresher=uac"
        hang_up(peer, phone, leg, 3)


def test_a_caller_cannot_have_us_call_somebody(
    start_worker: StartWorker, elsewhere: socket.socket
) -> None:
    peer = start_worker()
    with WirePhone(sip_port(peer)) as phone:
        leg = answered(peer, phone)
        target = f"Refer-To: <sip:+4990012345@127.0.0.1:{elsewhere.getsockname()[1]}>"
        phone.send("REFER", 2, headers=[target])
        phone.expect(403, "REFER")
        assert_nothing_came(elsewhere)
        hang_up(peer, phone, leg, 3)


def test_a_caller_cannot_take_over_anothers_call(start_worker: StartWorker) -> None:
    peer = start_worker()
    with WirePhone(sip_port(peer)) as phone, WirePhone(sip_port(peer)) as thief:
        leg = answered(peer, phone)
        thief.invite(f"Replaces: {phone.dialog}")
        thief.expect(403, "INVITE")
        thief.refusal_seen()
        assert len(peer.of(events.Offered)) == 1
        hang_up(peer, phone, leg, 2)


def test_a_call_of_ours_is_not_sent_elsewhere(
    start_worker: StartWorker, dial: Dial, elsewhere: socket.socket
) -> None:
    """A redirection would lead past every rule of what may be dialled."""
    peer = start_worker()
    keys = {"elsewhere": str(elsewhere.getsockname()[1])}
    phone = dial(peer, "phone_redirects", keys=keys)
    target = f"sip:100@127.0.0.1:{phone.port}"
    peer.send(commands.Place(call_id="c_placed", target=target, caller="200"))
    ended = only_end(peer, peer.wait_for_leg())
    assert ended.cause is HangupCause.REJECTED
    assert ended.detail.startswith("302")
    assert_nothing_came(elsewhere)
    phone.expect_success()
    assert_no_call_left(peer)


# Whose media is heard -----------------------------------------------------------------------------


def wave(frequency_hz: float, seconds: float) -> npt.NDArray[np.float64]:
    return 8_000 * np.sin(2 * np.pi * frequency_hz * np.arange(int(seconds * 8_000)) / 8_000)


def strength(pcm: bytes, frequency_hz: float) -> float:
    """Return how strong a tone is in 16 kHz audio, in its last half second."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(float)[-8_000:]
    carrier = np.exp(-2j * np.pi * frequency_hz * np.arange(len(samples)) / 16_000)
    return float(2 * abs(np.mean(samples * carrier)))


def test_a_stranger_is_not_heard_while_the_caller_speaks(
    start_worker: StartWorker, rtp: RtpSocket
) -> None:
    peer = start_worker(codecs=("PCMU",))
    with WirePhone(sip_port(peer), rtp_port=rtp.port) as phone, RtpSocket() as stranger:
        leg = answered(peer, phone)
        rtp.wait_for_peer()
        rtp.send_audio(wave(OURS_HZ, 0.2))
        stranger.speak_like(rtp)
        speaking = threading.Thread(target=rtp.send_audio, args=(wave(OURS_HZ, 1.0),))
        speaking.start()
        stranger.send_audio(wave(THEIRS_HZ, 0.9))
        heard = peer.heard(leg)
        speaking.join()
        assert strength(heard, OURS_HZ) > 4_000
        assert strength(heard, THEIRS_HZ) < 200
        assert not stranger.packets
        hang_up(peer, phone, leg, 2)


def test_a_caller_whose_address_changes_is_followed(
    start_worker: StartWorker, rtp: RtpSocket
) -> None:
    peer = start_worker(codecs=("PCMU",))
    with WirePhone(sip_port(peer), rtp_port=rtp.port) as phone, RtpSocket() as moved:
        leg = answered(peer, phone)
        rtp.wait_for_peer()
        rtp.send_audio(wave(OURS_HZ, 0.3))
        moved.speak_like(rtp)
        moved.send_audio(wave(THEIRS_HZ, 1.2))
        settle(0.1)
        assert strength(peer.heard(leg)[:-6_400], THEIRS_HZ) > 4_000
        assert moved.packets
        hang_up(peer, phone, leg, 2)


def test_another_source_behind_the_same_address_is_heard(
    start_worker: StartWorker, rtp: RtpSocket
) -> None:
    peer = start_worker(codecs=("PCMU",))
    with WirePhone(sip_port(peer), rtp_port=rtp.port) as phone:
        leg = answered(peer, phone)
        rtp.wait_for_peer()
        rtp.send_audio(wave(OURS_HZ, 0.5))
        rtp.begin_anew()
        rtp.send_audio(wave(THEIRS_HZ, 1.0))
        heard = peer.heard(leg)
        assert strength(heard, THEIRS_HZ) > 4_000
        assert strength(heard, OURS_HZ) < 200
        hang_up(peer, phone, leg, 2)


# Several answers to one call -----------------------------------------------------------------------


class Fork:
    """Phones behind a proxy that rings them all: each answers for itself, under a tag of its own."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.port = int(sock.getsockname()[1])
        self._source = ("", 0)

    def receive(self, method: str) -> str:
        """Return the next request of a kind, its To tag known by the reader."""
        while True:
            data, self._source = self._sock.recvfrom(65_536)
            text = data.decode()
            if text.startswith(f"{method} "):
                return text

    def answer(
        self, request: str, status: str, tag: str, sdp: str = "", *, header: str = ""
    ) -> None:
        lines = [f"SIP/2.0 {status}"]
        for name in ("Via", "From", "To", "Call-ID", "CSeq"):
            line = next(each for each in request.split("\r\n") if each.startswith(f"{name}:"))
            has_tag = name != "To" or ";tag=" in line
            lines.append(line if has_tag else f"{line};tag={tag}")
        lines.append(f"Contact: <sip:{tag}@127.0.0.1:{self.port}>")
        if header:
            lines.append(header)
        if sdp:
            lines.append("Content-Type: application/sdp")
        lines += [f"Content-Length: {len(sdp)}", "", sdp]
        self._sock.sendto("\r\n".join(lines).encode(), self._source)


def sdp_for(port: int) -> str:
    return (
        "v=0\r\no=fork 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
    )


def test_of_two_phones_that_answer_the_first_has_the_call(
    start_worker: StartWorker, rtp: RtpSocket, elsewhere: socket.socket
) -> None:
    """RFC 3261 section 13.2.2.4: the other is acknowledged, and hung up on at once."""
    peer = start_worker(codecs=("PCMU",))
    elsewhere.settimeout(5)
    fork = Fork(elsewhere)
    target = f"sip:100@127.0.0.1:{fork.port}"
    peer.send(commands.Place(call_id="c_placed", target=target, caller="200"))
    leg = peer.wait_for_leg()
    invite = fork.receive("INVITE")
    for tag in ("first", "second"):
        fork.answer(invite, "180 Ringing", tag)
    fork.answer(invite, "200 OK", "first", sdp_for(rtp.port))
    assert "tag=first" in fork.receive("ACK")
    fork.answer(invite, "200 OK", "second", sdp_for(rtp.port))
    assert "tag=second" in fork.receive("ACK")
    bye = fork.receive("BYE")
    assert "tag=second" in bye
    fork.answer(bye, "200 OK", "second")
    peer.wait_for(events.MediaUp, leg)
    assert len(peer.of(events.Answered, leg)) == 1
    assert not peer.of(events.Ended, leg)
    peer.hang_up(leg)
    bye = fork.receive("BYE")
    assert "tag=first" in bye
    fork.answer(bye, "200 OK", "first")
    assert only_end(peer, leg).cause is HangupCause.AGENT_HUNG_UP
    assert_no_call_left(peer)


# A trunk whose nonces run out ----------------------------------------------------------------------


def challenge(nonce: str) -> tuple[str, str]:
    header = f'Digest realm="x", nonce="{nonce}", algorithm=MD5, qop="auth", stale=true'
    return "401 Unauthorized", f"WWW-Authenticate: {header}"


def called_through_trunk(
    start_worker: StartWorker, tmp_path: Path, sock: socket.socket
) -> tuple[GatewayPeer, Fork, int]:
    sock.settimeout(5)
    trunk = Fork(sock)
    peer = start_worker(codecs=("PCMU",), trunks=section(tmp_path, trunk.port))
    return peer, trunk, place(peer, trunk.port)


def test_a_nonce_that_is_stale_is_replaced(
    start_worker: StartWorker, rtp: RtpSocket, elsewhere: socket.socket, tmp_path: Path
) -> None:
    peer, trunk, leg = called_through_trunk(start_worker, tmp_path, elsewhere)
    for nonce in ("one", "two"):
        status, header = challenge(nonce)
        trunk.answer(trunk.receive("INVITE"), status, "t", header=header)
        trunk.receive("ACK")
    invite = trunk.receive("INVITE")
    assert 'nonce="two"' in invite
    trunk.answer(invite, "200 OK", "t", sdp_for(rtp.port))
    trunk.receive("ACK")
    peer.wait_for(events.Answered, leg)
    peer.hang_up(leg)
    trunk.answer(trunk.receive("BYE"), "200 OK", "t")
    assert only_end(peer, leg).cause is HangupCause.AGENT_HUNG_UP
    assert_no_call_left(peer)


def test_a_trunk_that_challenges_for_ever_is_given_up(
    start_worker: StartWorker, elsewhere: socket.socket, tmp_path: Path
) -> None:
    peer, trunk, leg = called_through_trunk(start_worker, tmp_path, elsewhere)
    asked = 0
    while not peer.of(events.Ended, leg):
        assert asked < 10, "it never gives up"
        status, header = challenge(f"n{asked}")
        trunk.answer(trunk.receive("INVITE"), status, "t", header=header)
        trunk.receive("ACK")
        asked += 1
        settle(0.1)
    assert only_end(peer, leg).cause is HangupCause.TRUNK_FAILED
    assert_no_call_left(peer)
