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
_SEGMENT = 0xFFFF
"""Longest duration that an event's packet can tell."""
_AUDIO_AFTER_KEY = 5
"""So many packets of audio behind a key's last: the key was released."""
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


@dataclass(frozen=True, slots=True)
class _Pressed:
    """A key whose release has not been read."""

    timestamp: int
    event: int
    duration: int
    clock_hz: int

    @property
    def told(self) -> tuple[str, int]:
        return KEYS[self.event], self.duration * 1000 // self.clock_hz

    def goes_on_as(self, event: int, timestamp: int) -> bool:
        """Whether a long key press goes on in another segment (RFC 4733 section 2.5.1.3)."""
        return event == self.event and (timestamp - self.timestamp) & 0xFFFF_FFFF <= _SEGMENT


class KeyReader:
    """Keys out of telephone events (RFC 4733); for one stream.

    The release is sent three times and is told once. Should all three be lost, the key is told when another
    one begins or audio goes on.
    """

    def __init__(self) -> None:
        self._ssrc: int | None = None
        self._told_timestamp: int | None = None
        self._pressed: _Pressed | None = None
        self._audio_packets = 0

    def read(self, packet: RtpPacket, clock_hz: int) -> tuple[str, int] | None:
        """Return key and duration (ms) at the first packet that says the key was released."""
        if len(packet.payload) < _EVENT.size:
            return None
        event, flags, duration = _EVENT.unpack_from(packet.payload)
        if event >= len(KEYS):
            return None
        if packet.ssrc != self._ssrc:
            self._ssrc, self._told_timestamp, self._pressed = packet.ssrc, None, None
        if self._is_over(packet.timestamp):
            return None
        self._audio_packets = 0
        before, self._pressed = (
            self._pressed,
            _Pressed(packet.timestamp, event, duration, clock_hz),
        )
        if before is not None and not before.goes_on_as(event, packet.timestamp):
            self._told_timestamp = before.timestamp
            return before.told
        return self._tell() if flags & 0x80 else None

    def audio(self) -> tuple[str, int] | None:
        """A packet of audio came; returns a key that must have been released long since."""
        if self._pressed is None:
            return None
        self._audio_packets += 1
        return self._tell() if self._audio_packets >= _AUDIO_AFTER_KEY else None

    def _tell(self) -> tuple[str, int]:
        assert self._pressed is not None
        pressed, self._pressed = self._pressed, None
        self._told_timestamp = pressed.timestamp
        return pressed.told

    def _is_over(self, timestamp: int) -> bool:
        """Whether a packet belongs to a key that was told, or to one before it."""
        if self._told_timestamp is None:
            return False
        return (self._told_timestamp - timestamp) & 0xFFFF_FFFF < 1 << 31


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
