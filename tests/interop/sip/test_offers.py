"""Offers and answers in the middle of a call, and in unusual places."""

from itertools import pairwise

import numpy as np
import pytest

from gateway.model import events
from gateway.model.hangup import HangupCause
from tests.interop.sip.conftest import Dial, StartWorker
from tests.interop.sip.test_endings import assert_no_call_left
from tests.interop.sip.test_greeting import best_match, speech_like
from tests.interop.support.rtp import RtpSocket, decode_mu_law
from tests.interop.support.sipp import settle


def test_hold_keeps_the_place_in_the_playout(
    start_worker: StartWorker, dial: Dial, rtp: RtpSocket
) -> None:
    peer = start_worker()
    sipp = dial(peer, "hold_resume")
    leg = peer.wait_for_leg()
    said = speech_like(1.5, 16_000, seed=5)
    peer.play(leg, said.astype("<i2").tobytes())
    peer.mark(leg, "end")
    peer.answer(leg)
    up = peer.wait_for(events.MediaUp, leg)
    end = peer.wait_for(events.Marked, leg)
    # One second on hold lies between the beginning and the end of what was played.
    assert 2.3 < end.at_s - up.at_s < 2.9
    assert end.played_ms == 1500
    loud = [p.at_s for p in rtp.packets if np.abs(decode_mu_law(p.payload)).max() > 500]
    assert max(later - earlier for earlier, later in pairwise(loud)) > 0.8
    assert peer.wait_for(events.Ended, leg).cause is HangupCause.CALLER_HUNG_UP
    sipp.expect_success()
    assert_no_call_left(peer)


def test_a_call_on_hold_is_not_ended_for_silence(start_worker: StartWorker, dial: Dial) -> None:
    peer = start_worker(media_timeout_s=1, media_up_bound_ms=0)
    sipp = dial(peer, "stay_on_hold")
    leg = peer.wait_for_leg()
    peer.answer(leg)
    assert peer.wait_for(events.Ended, leg).cause is HangupCause.CALLER_HUNG_UP
    sipp.expect_success()


def test_media_goes_on_with_another_codec(
    start_worker: StartWorker, dial: Dial, rtp: RtpSocket
) -> None:
    peer = start_worker()
    sipp = dial(peer, "codec_change")
    leg = peer.wait_for_leg()
    peer.answer(leg)
    peer.wait_for(events.MediaUp, leg)
    settle(1.0)
    peer.play(leg, speech_like(0.5, 16_000, seed=6).astype("<i2").tobytes())
    peer.mark(leg, "end")
    peer.wait_for(events.Marked, leg)
    settle(0.1)
    peer.hang_up(leg)
    peer.wait_for(events.Ended, leg)
    sipp.expect_success()
    assert {packet.payload_type for packet in rtp.packets} >= {0, 8}
    assert rtp.packets[-1].payload_type == 8
    total = peer.of(events.Statistics, leg)[-1]
    assert total.packets_out >= len(rtp.packets) - 5  # counted over both streams


def test_an_update_with_an_offer(start_worker: StartWorker, dial: Dial, rtp: RtpSocket) -> None:
    peer = start_worker()
    sipp = dial(peer, "update_call")
    leg = peer.wait_for_leg()
    peer.answer(leg)
    peer.wait_for(events.MediaUp, leg)
    settle(0.8)
    said = speech_like(0.5, 16_000, seed=7)
    peer.play(leg, said.astype("<i2").tobytes())
    peer.mark(leg, "end")
    peer.wait_for(events.Marked, leg)
    settle(0.2)
    assert best_match(rtp.audio(), said[::2])[0] > 0.95
    peer.hang_up(leg)
    peer.wait_for(events.Ended, leg)
    sipp.expect_success()


def test_an_invite_without_an_offer(start_worker: StartWorker, dial: Dial, rtp: RtpSocket) -> None:
    peer = start_worker()
    sipp = dial(peer, "offerless")
    leg = peer.wait_for_leg()
    said = speech_like(0.8, 16_000, seed=8)
    peer.play(leg, said.astype("<i2").tobytes())
    peer.mark(leg, "end")
    peer.answer(leg)
    peer.wait_for(events.Marked, leg)
    settle(0.2)
    assert best_match(rtp.audio(), said[::2])[0] > 0.97
    peer.hang_up(leg)
    peer.wait_for(events.Ended, leg)
    sipp.expect_success()


def test_tcp(start_worker: StartWorker, dial: Dial) -> None:
    peer = start_worker()
    sipp = dial(peer, "callee_hangs_up", transport="t1")
    leg = peer.wait_for_leg()
    peer.answer(leg)
    peer.wait_for(events.MediaUp, leg)
    peer.hang_up(leg)
    assert peer.wait_for(events.Ended, leg).cause is HangupCause.AGENT_HUNG_UP
    sipp.expect_success()


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
def test_the_offer_tells_who_calls(start_worker: StartWorker, dial: Dial, codec: str) -> None:
    peer = start_worker(codecs=("PCMU", codec) if codec != "PCMU" else ("PCMU",))
    dial(peer, "cancel_ringing", service="+15550199")
    offered = peer.wait_for(events.Offered)
    assert offered.caller == "+15551234"
    assert offered.caller_name == "Tess Ter"
    assert offered.callee == "+15550199"
    assert offered.headers == {"X-Test-Id": "t-1"}
    assert offered.source.startswith("127.0.0.1:")
    assert offered.foreign_id
