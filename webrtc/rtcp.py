"""Writes our sender reports and reads what the far end reports of us (RFC 3550 section 6.4); pure."""

import struct
from dataclasses import dataclass

from webrtc.rtp import Reception

_HEADER = struct.Struct(">BBH")
_SENDER = struct.Struct(">IIIIII")
_BLOCK = struct.Struct(">IIIIII")
_SENDER_REPORT, _RECEIVER_REPORT, _DESCRIPTION = 200, 201, 202
_NTP_EPOCH_S = 2_208_988_800
"""From 1900 to 1970."""
_CNAME = b"offhook"
_LOST_MOST = (1 << 23) - 1


def ntp(unix_s: float) -> int:
    """Return a time as 64 bits of NTP."""
    return int((unix_s + _NTP_EPOCH_S) * (1 << 32)) & 0xFFFF_FFFF_FFFF_FFFF


@dataclass(slots=True)
class FarReport:
    """What the far end says of our stream, and what we must repeat of its reports."""

    lost: int = 0
    jitter: int = 0
    """In units of the media clock."""
    round_trip_ms: float = 0.0
    last_report: int = 0
    """Middle 32 bits of the NTP time in its newest sender report."""
    last_report_at_s: float = 0.0
    """Monotonic."""


def read(data: bytes, ours: int, far: FarReport, *, unix_s: float, now_s: float) -> None:
    """Take a compound packet into `far`; what is malformed is passed over. `ours` is our SSRC."""
    start = 0
    while start + _HEADER.size + 4 <= len(data):
        first, kind, words = _HEADER.unpack_from(data, start)
        stop = start + 4 * (words + 1)
        if first & 0xC0 != 0x80 or stop > len(data):
            return
        body = data[start + 8 : stop]
        if kind == _SENDER_REPORT and len(body) >= 20:
            seconds, fraction = struct.unpack_from(">II", body)
            far.last_report = (seconds & 0xFFFF) << 16 | fraction >> 16
            far.last_report_at_s = now_s
            _blocks(body[20:], first & 0x1F, ours, far, unix_s)
        elif kind == _RECEIVER_REPORT:
            _blocks(body, first & 0x1F, ours, far, unix_s)
        start = stop


def _blocks(body: bytes, count: int, ours: int, far: FarReport, unix_s: float) -> None:
    for index in range(min(count, len(body) // _BLOCK.size)):
        ssrc, lost, _, jitter, last, delay = _BLOCK.unpack_from(body, index * _BLOCK.size)
        if ssrc != ours:
            continue
        lost &= 0xFFFFFF
        far.lost = 0 if lost > _LOST_MOST else lost
        far.jitter = jitter
        if last:
            took = ((ntp(unix_s) >> 16) - last - delay) & 0xFFFF_FFFF
            if took < 1 << 31:
                far.round_trip_ms = took * 1000 / 65_536


def write(
    *,
    ssrc: int,
    unix_s: float,
    now_s: float,
    timestamp: int,
    packets: int,
    octets: int,
    reception: Reception | None,
    far: FarReport,
) -> bytes:
    """Return a sender report with a report of the far end's stream, if there is one, and our name."""
    time = ntp(unix_s)
    blocks = b""
    if reception is not None:
        delay = 0
        if far.last_report:
            # It may have come since this tick began.
            waited_s = max(0.0, now_s - far.last_report_at_s)
            delay = min(int(waited_s * 65_536), 0xFFFF_FFFF)
        lost = min(reception.lost, _LOST_MOST)
        blocks = _BLOCK.pack(
            reception.ssrc,
            reception.fraction_lost() << 24 | lost,
            reception.highest & 0xFFFF_FFFF,
            reception.jitter & 0xFFFF_FFFF,
            far.last_report,
            delay,
        )
    report = _SENDER.pack(
        ssrc,
        time >> 32,
        time & 0xFFFF_FFFF,
        timestamp & 0xFFFF_FFFF,
        packets & 0xFFFF_FFFF,
        octets & 0xFFFF_FFFF,
    )
    count = 1 if blocks else 0
    item = struct.pack(">IBB", ssrc, 1, len(_CNAME)) + _CNAME + b"\0"
    item += bytes(-len(item) % 4)
    return b"".join(
        (
            _HEADER.pack(0x80 | count, _SENDER_REPORT, (len(report) + len(blocks)) // 4),
            report,
            blocks,
            _HEADER.pack(0x81, _DESCRIPTION, len(item) // 4),
            item,
        )
    )
