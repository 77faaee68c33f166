"""A call's audio both ways, without a network: codecs, losses, keys, silence."""

import numpy as np
import pytest

from gateway.model.frame import FRAME_BYTES, FRAME_SAMPLES, SILENCE
from tests.unit.webrtc.test_sdp import AUDIO, GOOD, sdp
from webrtc import channel_messages, rtp, sdp_offer
from webrtc.codec import SparingEncoder
from webrtc.media import Media
from webrtc.opus import QUIET, OpusDecoder, OpusEncoder
from webrtc.sdp_offer import CodecName


def offer(codec: CodecName) -> sdp_offer.Offer:
    numbers = {CodecName.OPUS: "111", CodecName.PCMU: "0", CodecName.PCMA: "8"}
    head = AUDIO[0].replace("111 63 0 8", numbers[codec])
    return sdp_offer.read(sdp((head, *AUDIO[1:])))


def wave(seconds: float) -> bytes:
    times = np.arange(int(seconds * 16_000)) / 16_000
    return (8_000 * np.sin(2 * np.pi * (300 + 200 * times) * times)).astype("<i2").tobytes()


def frames(pcm: bytes) -> list[bytes]:
    return [pcm[start : start + FRAME_BYTES] for start in range(0, len(pcm), FRAME_BYTES)]


def likeness(sent: bytes, heard: bytes) -> float:
    ours = np.frombuffer(sent, "<i2").astype(float)[4_000:12_000]
    theirs = np.frombuffer(heard, "<i2").astype(float)
    scores = np.correlate(theirs, ours, "valid")
    energy = np.convolve(theirs**2, np.ones(len(ours)), "valid")
    return float(np.max(scores / np.sqrt(np.maximum(energy * np.sum(ours**2), 1))))


@pytest.mark.parametrize("codec", CodecName)
def test_what_one_says_the_other_hears(codec: CodecName) -> None:
    one, other = Media(offer(codec)), Media(offer(codec))
    heard = b""
    for index, pcm in enumerate(frames(wave(1.0))):
        other.incoming(one.outgoing(pcm), index * 0.02)
        heard += other.heard()

    assert len(heard) == 50 * FRAME_BYTES
    assert likeness(wave(1.0), heard) > 0.97
    quality = other.quality()
    assert (quality.packets_in, quality.packets_lost_in) == (50, 0)
    one.close()
    other.close()


def test_lost_packets_are_repaired() -> None:
    one, other = Media(offer(CodecName.OPUS)), Media(offer(CodecName.OPUS))
    heard = b""
    for index, pcm in enumerate(frames(wave(1.0))):
        packet = one.outgoing(pcm)
        if index % 10 != 5:
            other.incoming(packet, index * 0.02)
        heard += other.heard()

    assert likeness(wave(1.0), heard) > 0.9
    assert other.quality().packets_lost_in == 5


def test_keys_among_the_audio_are_reported_and_are_no_loss() -> None:
    one, other = Media(offer(CodecName.OPUS)), Media(offer(CodecName.OPUS))
    first = one.outgoing(None)
    other.incoming(first, 0.0)
    packet = rtp.read(first)
    assert packet is not None
    event = rtp.write(110, packet.sequence + 1, 5, packet.ssrc, b"\x05\x8a\x12\xc0")

    assert other.incoming(event, 0.02) == ("5", 100)
    assert other.quality().packets_lost_in == 0


def test_nothing_is_heard_of_nobody_and_nonsense_harms_nothing() -> None:
    media = Media(offer(CodecName.OPUS))
    for number, payload in enumerate((b"\xff" * 3, b"\0" * 1_000, b"\x03\x00", b"")):
        media.incoming(rtp.write(111, number, 0, 1, payload), 0.0)
    media.incoming(b"nonsense", 0.0)
    media.take_report(b"\x80\xc8\x00\x01", 0.0)

    assert all(len(media.heard()) == FRAME_BYTES for _ in range(10))
    assert media.heard() == SILENCE
    media.close()
    media.close()
    assert media.incoming(rtp.write(111, 9, 0, 1, b"x"), 0.0) is None


def test_long_silence_costs_no_encoding_and_sounds_like_silence() -> None:
    encoder = SparingEncoder(CodecName.OPUS)
    packets = [encoder.encode(None) for _ in range(20)]
    decoder = OpusDecoder()
    heard = b"".join(decoder.decode(packet) for packet in packets)

    assert packets[-1] == QUIET
    assert len(heard) == 20 * FRAME_BYTES
    assert np.abs(np.frombuffer(heard, "<i2").astype(int)).max() < 32
    assert encoder.encode(wave(0.02)) != QUIET


def test_packets_of_other_lengths_fill_frames() -> None:
    decoder, encoder = OpusDecoder(), OpusEncoder()
    assert len(decoder.decode(encoder.encode(SILENCE))) == FRAME_BYTES
    assert len(decoder.conceal(b"", FRAME_SAMPLES)) == FRAME_BYTES
    # Two frames of 20 ms in one packet (RFC 6716 section 3.2.2).
    double = bytes((QUIET[0] | 1,)) + QUIET[1:] * 2
    assert len(decoder.decode(double)) == 2 * FRAME_BYTES


def test_reports_are_due_now_and_then() -> None:
    media = Media(offer(CodecName.OPUS))

    assert media.report(10.0)
    assert media.report(10.1) is None
    assert media.report(12.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"type":"dtmf","digit":"#"}', channel_messages.Key("#")),
        ('{"type":"dtmf","digit":"##"}', None),
        ('{"type":"dtmf"}', None),
        ('{"type":"hangup"}', channel_messages.HangUp()),
        ('{"type":"early_end","ms":7}', channel_messages.EarlyEnd()),
        ('{"type":"text","text":"x"}', channel_messages.Other('{"type":"text","text":"x"}')),
        ('{"type":7}', None),
        ("[]", None),
        ("nonsense", None),
        ("[" * 10_000, None),
        ('{"type":"text","text":"' + "x" * 20_000 + '"}', None),
    ],
)
def test_messages_of_the_page(text: str, said: channel_messages.Said | None) -> None:
    assert channel_messages.read(text) == said


def test_a_whole_offer_prefers_opus() -> None:
    assert sdp_offer.read(GOOD).codec.name is CodecName.OPUS
