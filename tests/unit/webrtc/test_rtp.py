"""RTP and RTCP: read back what was written, count what was lost, survive nonsense."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webrtc import rtcp, rtp
from webrtc.rtp import KeyReader, Reception, RtpPacket


@given(
    st.integers(0, 127),
    st.integers(0, 65_535),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=100),
)
def test_a_packet_is_read_back(
    kind: int, sequence: int, timestamp: int, ssrc: int, payload: bytes
) -> None:
    data = rtp.write(kind, sequence, timestamp, ssrc, payload)

    assert rtp.read(data) == RtpPacket(kind, sequence, timestamp, ssrc, payload)


def test_sources_extensions_and_padding_are_passed_over() -> None:
    head = struct.pack(">BBHII", 0x80 | 0x30 | 2, 0x80 | 111, 5, 6, 7)
    data = head + bytes(8) + struct.pack(">HH", 0xBEDE, 1) + b"ext!" + b"audio" + b"\0\0\x03"

    assert rtp.read(data) == RtpPacket(111, 5, 6, 7, b"audio")


@given(st.binary(max_size=60))
def test_nonsense_is_no_packet_or_a_short_one(data: bytes) -> None:
    packet = rtp.read(data)
    assert packet is None or len(packet.payload) <= len(data) - rtp.HEADER_BYTES

    rtcp.read(data, 1, rtcp.FarReport(), unix_s=1.0, now_s=1.0)


def test_a_key_is_read_once() -> None:
    keys = KeyReader()
    event = struct.Struct(">BBH")

    def packet(timestamp: int, flags: int) -> RtpPacket:
        return RtpPacket(110, 0, timestamp, 1, event.pack(11, flags, 8_000))

    assert keys.read(packet(1, 10), 48_000) is None
    assert keys.read(packet(1, 0x8A), 48_000) == ("#", 166)
    assert keys.read(packet(1, 0x8A), 48_000) is None
    assert keys.read(packet(2, 0x8A), 48_000) == ("#", 166)
    assert keys.read(RtpPacket(110, 0, 3, 1, event.pack(16, 0x8A, 1)), 48_000) is None
    assert keys.read(RtpPacket(110, 0, 3, 1, b"\x01"), 48_000) is None


def key(event: int, timestamp: int, *, is_end: bool = False, ssrc: int = 1) -> RtpPacket:
    payload = struct.pack(">BBH", event, 0x8A if is_end else 10, 4_800)
    return RtpPacket(110, 0, timestamp, ssrc, payload)


def test_a_key_whose_release_was_lost_is_told_by_what_follows() -> None:
    keys = KeyReader()
    assert keys.read(key(1, 10_000), 48_000) is None
    assert keys.read(key(2, 90_000), 48_000) == ("1", 100)
    assert keys.read(key(2, 90_000), 48_000) is None
    assert [keys.audio() for _ in range(6)] == [None] * 4 + [("2", 100), None]
    assert keys.read(key(2, 90_000, is_end=True), 48_000) is None  # too late


def test_a_key_among_audio_that_goes_on_is_told_once() -> None:
    keys = KeyReader()
    told = []
    for _ in range(20):
        told += [keys.read(key(7, 500), 48_000), keys.audio(), keys.audio()]
    told += [keys.read(key(7, 500, is_end=True), 48_000) for _ in range(3)]
    told += [keys.audio() for _ in range(9)]
    assert [item for item in told if item] == [("7", 100)]


def test_the_same_key_again_is_told_again_and_a_long_one_is_not() -> None:
    keys = KeyReader()
    assert keys.read(key(5, 0), 48_000) is None
    assert keys.read(key(5, 0xFFFF), 48_000) is None  # the next segment of a long press
    assert keys.read(key(5, 0xFFFF, is_end=True), 48_000) == ("5", 100)
    assert keys.read(key(5, 0, is_end=True), 48_000) is None  # overtaken
    assert keys.read(key(5, 0x2FFFF), 48_000) is None
    assert keys.read(key(5, 0x5FFFF), 48_000) == ("5", 100)


def test_the_keys_of_another_stream_are_not_taken_for_old_ones() -> None:
    keys = KeyReader()
    assert keys.read(key(5, 1_000_000, is_end=True), 48_000) == ("5", 100)
    assert keys.read(key(5, 900_000, is_end=True), 48_000) is None
    assert keys.read(key(5, 900_000, is_end=True, ssrc=2), 48_000) == ("5", 100)


def received(*sequences: int, ssrc: int = 1) -> Reception:
    reception = Reception(48_000)
    for sequence in sequences:
        packet = RtpPacket(111, sequence & 0xFFFF, sequence * 960 & 0xFFFF_FFFF, ssrc, b"")
        reception.add(packet, sequence * 0.02)
    return reception


def test_what_is_missing_is_lost() -> None:
    reception = received(65_530, *range(65_534, 65_560))

    assert (reception.packets, reception.lost) == (27, 3)
    assert reception.jitter_ms < 0.01
    assert reception.fraction_lost() == 3 * 256 // 30
    assert reception.fraction_lost() == 0


def test_another_stream_keeps_the_counts() -> None:
    reception = received(1, 3)
    reception.add(RtpPacket(111, 40_000, 0, 2, b""), 1.0)
    reception.add(RtpPacket(111, 40_002, 1_920, 2, b""), 1.04)

    assert (reception.packets, reception.lost, reception.ssrc) == (4, 2, 2)


def test_uneven_arrival_is_jitter() -> None:
    reception = Reception(48_000)
    for index in range(200):
        late_s = 0.01 * (index % 2)
        reception.add(RtpPacket(111, index, index * 960, 1, b""), index * 0.02 + late_s)

    assert reception.jitter_ms == pytest.approx(10, abs=1)


def a_report(reception: Reception | None, far: rtcp.FarReport, unix_s: float) -> bytes:
    return rtcp.write(
        ssrc=9,
        unix_s=unix_s,
        now_s=unix_s,
        timestamp=1,
        packets=2,
        octets=3,
        reception=reception,
        far=far,
    )


def test_reports_tell_the_round_trip_and_the_loss() -> None:
    ours, theirs = rtcp.FarReport(), rtcp.FarReport()
    # Our report leaves, arrives after 50 ms, is answered 200 ms later, and 50 ms later we know.
    rtcp.read(a_report(None, ours, 1_000.0), 1, theirs, unix_s=1_000.05, now_s=1_000.05)
    answer = rtcp.write(
        ssrc=1,
        unix_s=1_000.25,
        now_s=1_000.25,
        timestamp=0,
        packets=0,
        octets=0,
        reception=received(1, 2, 4, ssrc=9),
        far=theirs,
    )
    rtcp.read(answer, 9, ours, unix_s=1_000.30, now_s=1_000.30)

    assert ours.lost == 1
    assert ours.round_trip_ms == pytest.approx(100, abs=1)


def test_a_report_that_came_after_the_tick_began_has_no_delay() -> None:
    far = rtcp.FarReport(last_report=1, last_report_at_s=2_000.0)

    assert a_report(received(1), far, 1_999.99)


def test_reports_about_others_are_not_ours() -> None:
    far = rtcp.FarReport()
    rtcp.read(a_report(received(1, 5, ssrc=77), rtcp.FarReport(), 1.0), 9, far, unix_s=2, now_s=2)

    assert far.lost == 0
