"""Key presses, both ways (RFC 4733, SIP INFO)."""

from gateway.model import commands, events
from tests.interop.sip.conftest import Dial, StartWorker
from tests.interop.support.rtp import RtpSocket
from tests.interop.support.sipp import settle

KEYS = "0123456789*#ABCD"


def test_all_keys_arrive_once(start_worker: StartWorker, dial: Dial, rtp: RtpSocket) -> None:
    peer = start_worker()
    dial(peer, "callee_hangs_up")
    leg = peer.wait_for_leg()
    peer.answer(leg)
    rtp.wait_for_peer()
    for event in range(16):
        rtp.press(event)
    peer.wait_for(events.Dtmf, leg, count=16)
    settle(0.2)
    assert "".join(key.digit for key in peer.of(events.Dtmf, leg)) == KEYS


def test_a_key_whose_end_is_lost_counts_once(
    start_worker: StartWorker, dial: Dial, rtp: RtpSocket
) -> None:
    peer = start_worker()
    dial(peer, "callee_hangs_up")
    leg = peer.wait_for_leg()
    peer.answer(leg)
    rtp.wait_for_peer()
    rtp.press(5, lose_end=True)
    rtp.press(5)
    peer.wait_for(events.Dtmf, leg, count=2)
    settle(0.2)
    assert [key.digit for key in peer.of(events.Dtmf, leg)] == ["5", "5"]


def test_sip_info(start_worker: StartWorker, dial: Dial) -> None:
    peer = start_worker()
    sipp = dial(peer, "info_digit")
    leg = peer.wait_for_leg()
    peer.answer(leg)
    key = peer.wait_for(events.Dtmf, leg)
    assert (key.digit, key.duration_ms) == ("7", 160)
    sipp.expect_success()


def test_keys_are_sent(start_worker: StartWorker, dial: Dial, rtp: RtpSocket) -> None:
    peer = start_worker()
    dial(peer, "callee_hangs_up")
    leg = peer.wait_for_leg()
    peer.answer(leg)
    peer.wait_for(events.MediaUp, leg)
    peer.send(commands.SendDtmf(leg=leg, digits="19*#"))
    for _ in range(40):
        settle(0.1)
        if len(rtp.keys()) == 4:
            break
    assert rtp.keys() == [1, 9, 10, 11]
