"""What the caller hears first, and when."""

import numpy as np
from numpy.typing import NDArray

from gateway.model import events
from tests.interop.sip.conftest import Dial, StartWorker
from tests.interop.support.rtp import RtpSocket, decode_mu_law
from tests.interop.support.sipp import settle


def speech_like(seconds: float, rate_hz: int, seed: int) -> NDArray[np.float64]:
    """Return noise within the telephone band, which correlates with nothing but itself."""
    noise = np.random.default_rng(seed).standard_normal(int(seconds * rate_hz))
    spectrum = np.fft.rfft(noise)
    frequencies = np.fft.rfftfreq(len(noise), 1 / rate_hz)
    spectrum[(frequencies < 400) | (frequencies > 3000)] = 0
    shaped: NDArray[np.float64] = np.fft.irfft(spectrum, len(noise))
    return shaped / np.abs(shaped).max() * 12_000


def best_match(heard: NDArray[np.float64], sent: NDArray[np.float64]) -> tuple[float, int]:
    """Return the highest normalised correlation of `sent` within `heard`, and where (samples)."""
    scores = np.correlate(heard, sent, "valid")
    energy = np.convolve(heard**2, np.ones(len(sent)), "valid")
    scores = scores / np.sqrt(np.maximum(energy * np.sum(sent**2), 1))
    place = int(np.argmax(scores))
    return float(scores[place]), place


def test_the_greeting_is_heard_whole_and_at_once(
    start_worker: StartWorker, dial: Dial, rtp: RtpSocket
) -> None:
    peer = start_worker()
    dial(peer, "callee_hangs_up")
    leg = peer.wait_for_leg()
    greeting = speech_like(1.5, 16_000, seed=1)
    peer.mark(leg, "greeting.start")
    peer.play(leg, greeting.astype("<i2").tobytes())
    peer.mark(leg, "greeting.end")
    peer.answer(leg)
    started = peer.wait_for(events.Marked, leg)
    ended = peer.wait_for(events.Marked, leg, count=2)
    settle(0.2)
    up = peer.wait_for(events.MediaUp, leg)

    correlation, place = best_match(rtp.audio(), greeting[::2])
    assert correlation > 0.97
    assert (started.name, ended.name) == ("greeting.start", "greeting.end")
    assert ended.played_ms == 1500
    assert 1.4 < ended.at_s - started.at_s < 1.6
    assert up.codec == "PCMU/8000"
    first = next(
        packet for packet in rtp.packets if np.abs(decode_mu_law(packet.payload)).max() > 500
    )
    assert first.at_s - up.at_s < 0.06
    # Silence flows before, so that nothing of the first word is lost.
    assert place > 0
    assert rtp.packets[0].at_s < up.at_s


def test_media_is_up_with_the_callers_first_packet(
    start_worker: StartWorker, dial: Dial, rtp: RtpSocket
) -> None:
    peer = start_worker(media_up_bound_ms=5_000)
    dial(peer, "callee_hangs_up")
    leg = peer.wait_for_leg()
    peer.mark(leg, "start")
    peer.answer(leg)
    rtp.wait_for_peer()
    settle(0.3)
    assert not peer.of(events.MediaUp)
    assert not peer.of(events.Marked)
    rtp.send_audio(np.zeros(160 * 5))
    up = peer.wait_for(events.MediaUp, leg, timeout_s=1)
    assert up.reason is events.MediaUpReason.PACKET
    assert peer.wait_for(events.Marked, leg).at_s - up.at_s < 0.04


def test_a_silent_caller_is_greeted_after_the_bound(start_worker: StartWorker, dial: Dial) -> None:
    peer = start_worker(media_up_bound_ms=300)
    dial(peer, "callee_hangs_up")
    leg = peer.wait_for_leg()
    peer.answer(leg)
    up = peer.wait_for(events.MediaUp, leg)
    answered = peer.wait_for(events.Answered, leg)
    assert up.reason is events.MediaUpReason.BOUND
    assert 0.3 <= up.at_s - answered.at_s < 0.4


def test_what_the_caller_says_arrives_whole(
    start_worker: StartWorker, dial: Dial, rtp: RtpSocket
) -> None:
    peer = start_worker()
    dial(peer, "callee_hangs_up")
    leg = peer.wait_for_leg()
    peer.answer(leg)
    rtp.wait_for_peer()
    said = speech_like(2.0, 8_000, seed=2)
    rtp.send_audio(said)
    settle(0.5)
    heard = np.frombuffer(peer.heard(leg), dtype="<i2").astype(np.float64)
    # The jitter buffer may set in late or stretch once; half a second must come through unharmed.
    correlation, _ = best_match(heard[::2], said[6_000:10_000])
    assert correlation > 0.95


def test_clear_is_heard_within_two_ticks(
    start_worker: StartWorker, dial: Dial, rtp: RtpSocket
) -> None:
    from gateway.model import commands

    peer = start_worker()
    dial(peer, "callee_hangs_up")
    leg = peer.wait_for_leg()
    peer.play(leg, speech_like(5, 16_000, seed=3).astype("<i2").tobytes())
    peer.mark(leg, "never")
    peer.answer(leg)
    peer.wait_for(events.MediaUp, leg)
    settle(0.7)
    peer.send(commands.Clear(leg=leg))
    cleared = peer.wait_for(events.Cleared, leg)
    settle(0.3)
    marked = peer.of(events.Marked, leg)
    assert [(mark.name, mark.cleared) for mark in marked] == [("never", True)]
    assert 500 < cleared.played_ms < 900
    loud = [p for p in rtp.packets if np.abs(decode_mu_law(p.payload)).max() > 500]
    assert loud[-1].at_s - cleared.at_s < 0.06
    peer.play(leg, speech_like(0.2, 16_000, seed=4).astype("<i2").tobytes())
    peer.mark(leg, "after")
    after = peer.wait_for(events.Marked, leg, count=2)
    assert after.played_ms == cleared.played_ms + 200
