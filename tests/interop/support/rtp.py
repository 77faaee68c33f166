"""A far end's media: sends and receives PCMU packets on a UDP socket, without knowing SIP."""

import math
import socket
import struct
import threading
import time
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

_HEADER = struct.Struct(">BBHII")
_PCMU = 0
FRAME_SAMPLES = 160


@dataclass(frozen=True)
class Packet:
    """One received packet."""

    at_s: float
    payload_type: int
    sequence: int
    timestamp: int
    payload: bytes
    marker: bool


def _mu_law_table() -> npt.NDArray[np.float64]:
    """Return the sample of each G.711 mu-law code (ITU-T G.711)."""
    values = []
    for code in range(256):
        inverted = ~code & 0xFF
        magnitude = (((inverted & 0x0F) << 3) + 0x84) << ((inverted & 0x70) >> 4)
        values.append((0x84 - magnitude) if inverted & 0x80 else (magnitude - 0x84))
    return np.array(values, dtype=np.float64)


_TABLE = _mu_law_table()


def decode_mu_law(payload: bytes) -> npt.NDArray[np.float64]:
    """Return 8 kHz samples in the range of 16 bits."""
    return _TABLE[np.frombuffer(payload, dtype=np.uint8)]


def encode_mu_law(samples: npt.NDArray[np.float64]) -> bytes:
    """Return the nearest codes."""
    order = np.argsort(_TABLE)
    ordered = _TABLE[order]
    place = np.clip(np.searchsorted(ordered, samples), 1, 255)
    lower = samples - ordered[place - 1] < ordered[place] - samples
    return bytes(order[np.where(lower, place - 1, place)].astype(np.uint8))


def tone(frequency_hz: float, seconds: float, rate_hz: int, level: float = 8000) -> bytes:
    """Return a sine as PCM16."""
    count = int(seconds * rate_hz)
    samples = level * np.sin(2 * math.pi * frequency_hz * np.arange(count) / rate_hz)
    return samples.astype("<i2").tobytes()


class RtpSocket:
    """Receives on a port of its own, and sends when told; use as a context manager."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind((host, 0))
        self.port = int(self._sock.getsockname()[1])
        self.packets: list[Packet] = []
        self._peer: tuple[str, int] | None = None
        self._sequence = 100
        self._timestamp = 8000
        self._ssrc = 0x1234
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._receive, daemon=True)

    def __enter__(self) -> Self:
        self._sock.settimeout(0.1)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.join()
        self._sock.close()

    def audio(self) -> npt.NDArray[np.float64]:
        """Return the received PCMU audio as 8 kHz samples, in the order of its sequence numbers."""
        packets = [packet for packet in self.packets if packet.payload_type == _PCMU]
        packets.sort(key=lambda packet: packet.sequence)
        return np.concatenate([decode_mu_law(packet.payload) for packet in packets] or [[]])

    def keys(self) -> list[int]:
        """Return the RFC 4733 events received, one number for each press."""
        pressed: dict[int, int] = {}
        for packet in self.packets:
            if packet.payload_type not in (_PCMU, 13) and len(packet.payload) == 4:
                pressed.setdefault(packet.timestamp, packet.payload[0])
        return [pressed[timestamp] for timestamp in sorted(pressed)]

    def wait_for_peer(self, timeout_s: float = 5) -> None:
        """Wait for the first packet, which tells where to send."""
        deadline_s = time.monotonic() + timeout_s
        while self._peer is None:
            assert time.monotonic() < deadline_s, "no packet came"
            time.sleep(0.005)

    def begin_anew(self) -> None:
        """Be another source from now on, as after a transfer behind the trunk (RFC 3550 section 8.2)."""
        self._ssrc += 1
        self._sequence, self._timestamp = 60_000, 3_000_000_000

    def speak_like(self, other: "RtpSocket") -> None:
        """Send where `other` sends, as the same source (SSRC), from our own address."""
        other.wait_for_peer()
        self._peer = other._peer
        self._sequence, self._timestamp = other._sequence, other._timestamp

    def send_audio(self, samples: npt.NDArray[np.float64]) -> None:
        """Send 8 kHz samples as PCMU, one packet each 20 ms, in real time."""
        start_s = time.monotonic()
        for index in range(len(samples) // FRAME_SAMPLES):
            part = samples[index * FRAME_SAMPLES : (index + 1) * FRAME_SAMPLES]
            self._send(_PCMU, encode_mu_law(part), marker=index == 0)
            self._timestamp += FRAME_SAMPLES
            time.sleep(max(0.0, start_s + (index + 1) * 0.02 - time.monotonic()))

    def press(self, event: int, payload_type: int = 101, *, lose_end: bool = False) -> None:
        """Send one key press: five updates 20 ms apart, and the end three times (RFC 4733)."""
        for step in range(1, 6):
            body = struct.pack(">BBH", event, 10, step * FRAME_SAMPLES)
            self._send(payload_type, body, marker=step == 1)
            time.sleep(0.02)
        for _ in range(0 if lose_end else 3):
            body = struct.pack(">BBH", event, 0x80 | 10, 6 * FRAME_SAMPLES)
            self._send(payload_type, body)
        self._timestamp += 8 * FRAME_SAMPLES

    def _send(self, payload_type: int, payload: bytes, *, marker: bool = False) -> None:
        assert self._peer is not None, "nobody to send to"
        self._sequence = (self._sequence + 1) & 0xFFFF
        second = payload_type | (0x80 if marker else 0)
        head = _HEADER.pack(0x80, second, self._sequence, self._timestamp, self._ssrc)
        self._sock.sendto(head + payload, self._peer)

    def _receive(self) -> None:
        while not self._closed.is_set():
            try:
                data, source = self._sock.recvfrom(2048)
            except TimeoutError:
                continue
            if len(data) < _HEADER.size:
                continue
            _, second, sequence, timestamp, _ = _HEADER.unpack_from(data)
            self._peer = source
            self.packets.append(
                Packet(
                    time.monotonic(),
                    second & 0x7F,
                    sequence,
                    timestamp,
                    data[_HEADER.size :],
                    bool(second & 0x80),
                )
            )
