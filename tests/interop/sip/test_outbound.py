"""Calls that the worker places, to phones that answer, refuse, ring on and hang up."""

from dataclasses import replace

import numpy as np
import pytest

from gateway.model import commands, events
from gateway.model.hangup import HangupCause
from tests.interop.sip.conftest import Dial, StartWorker
from tests.interop.sip.test_endings import assert_no_call_left, only_end
from tests.interop.support.gateway_peer import GatewayPeer, free_port
from tests.interop.support.rtp import RtpSocket
from tests.interop.support.sipp import Sipp, settle

CALL_ID = "c_placed"


def place(peer: GatewayPeer, phone: Sipp, caller: str = "200") -> int:
    """Call the phone; returns the leg."""
    peer.send(
        commands.Place(call_id=CALL_ID, target=f"sip:100@127.0.0.1:{phone.port}", caller=caller)
    )
    return peer.wait_for_leg()


def test_a_phone_answers(start_worker: StartWorker, dial: Dial, rtp: RtpSocket) -> None:
    peer = start_worker(codecs=("PCMU",))
    phone = dial(peer, "phone_answers")
    leg = place(peer, phone)
    offered = peer.wait_for(events.Offered, leg)
    assert offered.direction is events.Direction.OUTBOUND
    assert (offered.call_id, offered.caller) == (CALL_ID, "200")
    peer.play(leg, b"\x10\x27" * 3_200)
    peer.mark(leg, "end")
    peer.wait_for(events.Answered, leg)
    peer.wait_for(events.MediaUp, leg)
    assert peer.wait_for(events.Marked, leg).played_ms == 200
    settle(0.1)
    peer.hang_up(leg)
    assert only_end(peer, leg).cause is HangupCause.AGENT_HUNG_UP
    phone.expect_success()
    assert f"Call-ID: {offered.foreign_id}" in phone.messages()
    assert len(peer.of(events.Ringing, leg)) == 1  # the phone said so twice
    assert np.abs(rtp.audio()).max() > 5_000
    assert_no_call_left(peer)


def test_the_phone_hangs_up(start_worker: StartWorker, dial: Dial) -> None:
    peer = start_worker()
    phone = dial(peer, "phone_hangs_up")
    leg = place(peer, phone)
    peer.wait_for(events.Answered, leg)
    assert only_end(peer, leg).cause is HangupCause.CALLER_HUNG_UP
    phone.expect_success()
    assert_no_call_left(peer)


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (401, HangupCause.TRUNK_FAILED),
        (403, HangupCause.TRUNK_FAILED),
        (404, HangupCause.INVALID_NUMBER),
        (408, HangupCause.TRUNK_FAILED),
        (480, HangupCause.NO_ANSWER),
        (486, HangupCause.BUSY),
        (488, HangupCause.UNACCEPTABLE_MEDIA),
        (484, HangupCause.INVALID_NUMBER),
        (500, HangupCause.TRUNK_FAILED),
        (503, HangupCause.TRUNK_FAILED),
        (600, HangupCause.BUSY),
        (603, HangupCause.REJECTED),
    ],
)
def test_a_phone_refuses(
    start_worker: StartWorker, dial: Dial, status: int, cause: HangupCause
) -> None:
    peer = start_worker()
    phone = dial(peer, "phone_refuses", status=status)
    leg = place(peer, phone)
    ended = only_end(peer, leg)
    assert ended.cause is cause
    assert ended.detail.startswith(str(status))
    assert not peer.of(events.Answered)
    phone.expect_success()
    assert_no_call_left(peer)


def test_we_give_up_while_it_rings(start_worker: StartWorker, dial: Dial) -> None:
    peer = start_worker()
    phone = dial(peer, "phone_rings_on")
    leg = place(peer, phone)
    peer.wait_for(events.Ringing, leg)
    peer.hang_up(leg, HangupCause.OPERATOR_HUNG_UP)
    assert only_end(peer, leg).cause is HangupCause.OPERATOR_HUNG_UP
    phone.expect_success()
    assert_no_call_left(peer)


def test_rejecting_a_call_of_ours_cancels_it(start_worker: StartWorker, dial: Dial) -> None:
    peer = start_worker()
    phone = dial(peer, "phone_rings_on")
    leg = place(peer, phone)
    peer.wait_for(events.Ringing, leg)
    peer.send(commands.Reject(leg=leg, cause=HangupCause.INTERNAL_ERROR))
    assert only_end(peer, leg).cause is HangupCause.INTERNAL_ERROR
    phone.expect_success()


def test_the_answer_crosses_our_cancel(start_worker: StartWorker, dial: Dial) -> None:
    peer = start_worker()
    phone = dial(peer, "phone_answers_cancelled")
    leg = place(peer, phone)
    peer.wait_for(events.Ringing, leg)
    peer.hang_up(leg)
    assert only_end(peer, leg).cause is HangupCause.AGENT_HUNG_UP
    assert not peer.of(events.Answered)
    phone.expect_success()
    assert_no_call_left(peer)


def test_nobody_is_there(start_worker: StartWorker) -> None:
    """Given up before any response: the CANCEL has to wait (RFC 3261 section 9.1), we do not."""
    peer = start_worker()
    target = f"sip:100@127.0.0.1:{free_port()}"
    peer.send(commands.Place(call_id=CALL_ID, target=target, caller="200"))
    leg = peer.wait_for_leg()
    settle(0.3)
    peer.hang_up(leg, HangupCause.NO_ANSWER)
    assert only_end(peer, leg).cause is HangupCause.NO_ANSWER
    assert peer.ping()["calls"] == 0


@pytest.mark.parametrize("target", ["", "100", "sip:", "sip:1@127.0.0.1\r\nX-Evil: 1"])
def test_a_target_that_is_no_sip_uri(start_worker: StartWorker, target: str) -> None:
    peer = start_worker()
    peer.send(commands.Place(call_id=CALL_ID, target=target, caller="200"))
    leg = peer.wait_for_leg()
    ended = only_end(peer, leg)
    assert ended.cause is HangupCause.INTERNAL_ERROR
    assert ended.detail
    assert peer.of(events.Offered)[0].call_id == ended.call_id == CALL_ID
    assert_no_call_left(peer)


def test_the_callers_number_is_data(start_worker: StartWorker, dial: Dial) -> None:
    peer = start_worker()
    phone = dial(peer, "phone_refuses", status=486)
    leg = place(peer, phone, caller="+1 5>\r\nX-Evil: 1")
    only_end(peer, leg)
    phone.expect_success()
    assert "sip:+1%205%3e%0d%0aX-Evil%3a%201@" in phone.messages()
    assert "\nX-Evil" not in phone.messages()


def test_no_call_is_placed_while_draining(start_worker: StartWorker) -> None:
    peer = start_worker()
    peer.send(commands.Drain())
    peer.send(commands.Place(call_id=CALL_ID, target="sip:100@127.0.0.1", caller="200"))
    assert only_end(peer, peer.wait_for_leg()).cause is HangupCause.DRAINING
    assert_no_call_left(peer)


def test_slots_are_used_again(start_worker: StartWorker, dial: Dial) -> None:
    """Calls placed and refused in turn with calls taken: no object meets another's slot."""
    peer = start_worker()
    for count in range(1, 7):
        phone = dial(peer, "phone_refuses", status=486)
        place_ = commands.Place(
            call_id=CALL_ID, target=f"sip:100@127.0.0.1:{phone.port}", caller="200"
        )
        peer.send(replace(place_, call_id=f"{CALL_ID}{count}"))
        dial(peer, "caller_hangs_up")
        for number in (2 * count - 1, 2 * count):
            leg = peer.wait_for_leg(number)
            peer.answer(leg)  # does nothing to the call of ours
        peer.wait_for(events.Ended, count=2 * count)
    assert {event.cause for event in peer.of(events.Ended)} == {
        HangupCause.BUSY,
        HangupCause.CALLER_HUNG_UP,
    }
    assert peer.ping()["abandoned_calls"] == 0
    assert_no_call_left(peer)
