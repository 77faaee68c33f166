"""Each way in which a call can end, and what the gateway is told."""

import pytest

from gateway.model import commands, events
from gateway.model.hangup import HangupCause
from tests.interop.sip.conftest import Dial, StartWorker
from tests.interop.support.gateway_peer import GatewayPeer, sip_port
from tests.interop.support.rtp import RtpSocket
from tests.interop.support.sipp import settle
from tests.interop.support.wire_phone import WirePhone


def only_end(peer: GatewayPeer, leg: int, timeout_s: float = 10) -> events.Ended:
    """Return how the leg ended, having seen that it ended once and nothing followed."""
    ended = peer.wait_for(events.Ended, leg, timeout_s=timeout_s)
    settle(0.1)
    assert len(peer.of(events.Ended, leg)) == 1
    assert [event for number, event in peer.events if number == leg][-1] is ended
    return ended


def assert_no_call_left(peer: GatewayPeer) -> None:
    for _ in range(50):
        counters = peer.ping()
        if counters["native_calls"] == 0:
            break
        settle(0.1)
    assert counters["native_calls"] == 0
    assert counters["calls"] == 0


def test_the_caller_hangs_up(start_worker: StartWorker, dial: Dial) -> None:
    peer = start_worker()
    sipp = dial(peer, "caller_hangs_up")
    leg = peer.wait_for_leg()
    peer.answer(leg)
    assert only_end(peer, leg).cause is HangupCause.CALLER_HUNG_UP
    sipp.expect_success()
    statistics = peer.of(events.Statistics, leg)[-1]
    assert 40 < statistics.packets_out < 70
    assert_no_call_left(peer)


def test_the_gateway_hangs_up(start_worker: StartWorker, dial: Dial) -> None:
    peer = start_worker()
    sipp = dial(peer, "callee_hangs_up")
    leg = peer.wait_for_leg()
    peer.answer(leg)
    peer.wait_for(events.MediaUp, leg)
    peer.hang_up(leg)
    peer.hang_up(leg)
    assert only_end(peer, leg).cause is HangupCause.AGENT_HUNG_UP
    sipp.expect_success()
    assert_no_call_left(peer)


def test_no_route_is_404(start_worker: StartWorker, dial: Dial) -> None:
    peer = start_worker()
    sipp = dial(peer, "not_found")
    leg = peer.wait_for_leg()
    peer.send(commands.Reject(leg=leg, cause=HangupCause.NO_ROUTE))
    assert only_end(peer, leg).cause is HangupCause.NO_ROUTE
    sipp.expect_success()


def test_nobody_decides(start_worker: StartWorker, dial: Dial) -> None:
    peer = start_worker(answer_deadline_s=1)
    sipp = dial(peer, "ring_no_answer")
    leg = peer.wait_for_leg()
    assert only_end(peer, leg).cause is HangupCause.NO_ANSWER
    sipp.expect_success()
    assert_no_call_left(peer)


def test_cancel_while_it_rings(start_worker: StartWorker, dial: Dial) -> None:
    peer = start_worker()
    sipp = dial(peer, "cancel_ringing")
    leg = peer.wait_for_leg()
    ended = only_end(peer, leg)
    assert ended.cause is HangupCause.CALLER_CANCELLED
    sipp.expect_success()
    peer.answer(leg)  # too late, and harmless
    assert_no_call_left(peer)


def test_cancel_right_behind_the_invite(start_worker: StartWorker) -> None:
    peer = start_worker()
    with WirePhone(sip_port(peer)) as phone:
        phone.invite()
        phone.cancel()
        phone.expect(200, "CANCEL")
        phone.expect(487, "INVITE")
        phone.send("ACK", 1)
        assert only_end(peer, peer.wait_for_leg()).cause is HangupCause.CALLER_CANCELLED
    assert_no_call_left(peer)


@pytest.mark.parametrize("delay_s", [0.0, 0.002, 0.004, 0.008])
def test_cancel_races_the_answer(start_worker: StartWorker, delay_s: float) -> None:
    """Whoever wins, both sides agree on the end, and it comes once."""
    peer = start_worker()
    with WirePhone(sip_port(peer)) as phone:
        phone.invite()
        phone.expect(180, "INVITE")
        leg = peer.wait_for_leg()
        peer.answer(leg)
        settle(delay_s)
        phone.cancel()
        final = None
        while final is None:
            message = phone.receive(3)
            assert message is not None, "no final response"
            if message.method == "INVITE" and message.status >= 200:
                final = message.status
        phone.send("ACK", 1)
        if final == 200:
            phone.send("BYE", 2)
            phone.expect(200, "BYE")
            assert only_end(peer, leg).cause is HangupCause.CALLER_HUNG_UP
        else:
            assert final == 487
            assert only_end(peer, leg).cause is HangupCause.CALLER_CANCELLED
    assert_no_call_left(peer)


def test_both_hang_up_at_once(start_worker: StartWorker) -> None:
    peer = start_worker()
    with WirePhone(sip_port(peer)) as phone:
        phone.invite()
        leg = peer.wait_for_leg()
        peer.answer(leg)
        phone.expect(200, "INVITE")
        phone.send("ACK", 1)
        peer.wait_for(events.MediaUp, leg)
        peer.hang_up(leg)
        phone.send("BYE", 2)
        phone.expect(200, "BYE")
        if (request := phone.receive(0.2)) is not None:
            phone.confirm(request)
        ended = only_end(peer, leg)
        assert ended.cause in (HangupCause.AGENT_HUNG_UP, HangupCause.CALLER_HUNG_UP)
    assert_no_call_left(peer)


def test_bye_without_ack(start_worker: StartWorker) -> None:
    peer = start_worker()
    with WirePhone(sip_port(peer)) as phone:
        phone.invite()
        leg = peer.wait_for_leg()
        peer.answer(leg)
        phone.expect(200, "INVITE")
        phone.send("BYE", 2)
        phone.expect(200, "BYE")
        assert only_end(peer, leg).cause is HangupCause.CALLER_HUNG_UP


def test_hang_up_while_the_ack_is_missing(start_worker: StartWorker) -> None:
    """BYE may not be sent before the ACK (RFC 3261 section 15); the leg ends for the gateway anyhow."""
    peer = start_worker()
    with WirePhone(sip_port(peer)) as phone:
        phone.invite()
        leg = peer.wait_for_leg()
        peer.answer(leg)
        phone.expect(200, "INVITE")
        peer.hang_up(leg, HangupCause.OPERATOR_HUNG_UP)
        assert only_end(peer, leg).cause is HangupCause.OPERATOR_HUNG_UP
        phone.send("ACK", 1)
        phone.confirm(phone.expect(0, "BYE"))
    assert_no_call_left(peer)


def test_the_ack_never_comes(start_worker: StartWorker) -> None:
    """RFC 3261 section 13.3.1.4: 64 T1 = 32 s of repeating the 200, then BYE."""
    peer = start_worker()
    with WirePhone(sip_port(peer)) as phone:
        phone.invite()
        leg = peer.wait_for_leg()
        peer.answer(leg)
        ended = peer.wait_for(events.Ended, leg, timeout_s=40)
        assert ended.cause is HangupCause.NO_ACK
        request = phone.expect(0, "BYE", timeout_s=2)
        phone.confirm(request)
    assert not peer.of(events.Answered)
    assert_no_call_left(peer)


def test_a_caller_who_falls_silent(start_worker: StartWorker, dial: Dial, rtp: RtpSocket) -> None:
    peer = start_worker(media_timeout_s=2)
    sipp = dial(peer, "callee_hangs_up")
    leg = peer.wait_for_leg()
    peer.answer(leg)
    rtp.wait_for_peer()
    answered = peer.wait_for(events.Answered, leg)
    ended = only_end(peer, leg)
    assert ended.cause is HangupCause.NO_MEDIA
    assert 2 <= ended.at_s - answered.at_s < 4
    sipp.expect_success()


def test_no_common_codec_is_488(start_worker: StartWorker, dial: Dial) -> None:
    peer = start_worker(codecs=("PCMU",))
    sipp = dial(peer, "no_codec")
    sipp.expect_success()
    assert not peer.of(events.Ended) or peer.of(events.Ended)[0].cause is (
        HangupCause.UNACCEPTABLE_MEDIA
    )
    assert_no_call_left(peer)
