"""Reads and writes RTP packets (RFC 3550 section 5.1), and counts what was received (its appendix A); pure."""

import struct
from dataclasses import dataclass

_HEADER = struct.Struct(">BBHII")
_EXTENSION = struct.Struct(">HH")
_EVENT = struct.Struct(">BBH")
HEADER_BYTES = _HEADER.size
_VERSION = 0x80
KEYS = "0123456789*#ABCD"
"""Events 0 to 15 (RFC 4733 section 3.2)."""
_GAP_LIMIT = 3_000
"""Sequence numbers further ahead are of a sender that began anew (RFC 3550 appendix A.1)."""


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """What we need of a packet."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def read(data: bytes) -> RtpPacket | None:
    """Return what a packet says; None if it is malformed."""
    if len(data) < HEADER_BYTES:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first & 0xC0 != _VERSION:
        return None
    start = HEADER_BYTES + 4 * (first & 0x0F)
    stop = len(data)
    if first & 0x10:
        if len(data) < start + _EXTENSION.size:
            return None
        _, words = _EXTENSION.unpack_from(data, start)
        start += _EXTENSION.size + 4 * words
    if first & 0x20:
        padding = data[-1]
        if not padding:
            return None
        stop -= padding
    if start > stop:
        return None
    return RtpPacket(second & 0x7F, sequence, timestamp, ssrc, data[start:stop])


def write(payload_type: int, sequence: int, timestamp: int, ssrc: int, payload: bytes) -> bytes:
    """Return a packet without marker or extensions."""
    return _HEADER.pack(_VERSION, payload_type, sequence, timestamp, ssrc) + payload


class KeyReader:
    """Keys out of telephone events (RFC 4733); for one stream."""

    def __init__(self) -> None:
        self._last_timestamp: int | None = None

    def read(self, packet: RtpPacket, clock_hz: int) -> tuple[str, int] | None:
        """Return key and duration (ms) at the first packet that says the key was released."""
        if len(packet.payload) < _EVENT.size:
            return None
        event, flags, duration = _EVENT.unpack_from(packet.payload)
        if not flags & 0x80 or event >= len(KEYS) or packet.timestamp == self._last_timestamp:
            return None
        self._last_timestamp = packet.timestamp  # the end is sent three times
        return KEYS[event], duration * 1000 // clock_hz


class Reception:
    """Counts one stream; for receiver reports (RFC 3550 sections 6.4.1 and A.8)."""

    def __init__(self, clock_hz: int) -> None:
        self._clock_hz = clock_hz
        self._base = 0
        self._transit: int | None = None
        self._jitter = 0.0
        self._before = (0, 0)  # expected and received at the last report
        self.ssrc = 0
        self.highest = 0
        """Extended highest sequence number."""
        self.packets = 0
        self._lost_before = 0

    @property
    def lost(self) -> int:
        """Packets that never came, over all streams; duplicates count against it, but it is not negative."""
        return self._lost_before + max(0, self._expected - self._received)

    @property
    def jitter_ms(self) -> float:
        return self._jitter * 1000 / self._clock_hz

    @property
    def jitter(self) -> int:
        """In units of the media clock."""
        return int(self._jitter)

    @property
    def _expected(self) -> int:
        return self.highest - self._base + 1 if self._received else 0

    _received = 0

    def add(self, packet: RtpPacket, arrival_s: float) -> None:
        """Count a packet."""
        ahead = (packet.sequence - self.highest) & 0xFFFF
        is_new = not self._received or packet.ssrc != self.ssrc
        if is_new or _GAP_LIMIT < ahead < 65_536 - _GAP_LIMIT:
            self._lost_before = self.lost
            self.ssrc = packet.ssrc
            self._base = self.highest = packet.sequence + 65_536
            self._received = 0
            self._transit = None
            self._before = (0, 0)
        elif ahead < 32_768:
            self.highest += ahead
        self._received += 1
        self.packets += 1
        transit = int(arrival_s * self._clock_hz) - packet.timestamp
        if self._transit is not None:
            change = abs((transit - self._transit + 2**31) % 2**32 - 2**31)
            # A pause of the sender without timestamps for it is no jitter.
            if change < self._clock_hz:
                self._jitter += (change - self._jitter) / 16
        self._transit = transit

    def fraction_lost(self) -> int:
        """Return the loss since the last call, in 1/256."""
        expected, received = self._expected - self._before[0], self._received - self._before[1]
        self._before = (self._expected, self._received)
        lost = expected - received
        return min(255, lost * 256 // expected) if expected > 0 and lost > 0 else 0
