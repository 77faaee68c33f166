"""Watches a few of the gateway's RTP streams on the loopback interface, with the kernel's time stamps.

What a process says of its own punctuality is one thing; this is what reaches the far end. Needs root
(a packet socket); without it there is nothing measured, and figures say so.
"""

import ctypes
import selectors
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

_ETH_P_IP = 0x0800
_SO_ATTACH_FILTER = 26
_SO_TIMESTAMPNS = 35
_PACKET_OUTGOING = 4
GATEWAY_PORTS = (10_000, 20_000)
"""Where the gateway's RTP ports are (its default)."""
_STREAMS = 8
"""So many of them are watched: Python must not become the load that it measures."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One RTP packet."""

    at: float
    """Seconds since 1970, by the kernel."""
    sequence: int
    payload: bytes


@dataclass(slots=True)
class Wire:
    """What was seen; (source port, destination port, SSRC) → packets in order of arrival."""

    streams: dict[tuple[int, int, int], list[Packet]] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def capture(
        cls, *, streams: int = _STREAMS, keep_payload: bool = False, both_ways: bool = False
    ) -> Iterator["Wire"]:
        """Watch while the block runs; `both_ways` also what the callers send."""
        wire = cls()
        try:
            sock = _open(both_ways)
        except PermissionError:
            yield wire
            return
        stop = threading.Event()
        reader = threading.Thread(target=wire._read, args=(sock, stop, streams, keep_payload))
        reader.start()
        try:
            yield wire
        finally:
            stop.set()
            reader.join()
            sock.close()

    @property
    def packets(self) -> int:
        return sum(len(packets) for packets in self.streams.values())

    @property
    def intervals_ms(self) -> list[float]:
        """Time between neighbouring packets, over all streams."""
        return [
            (later.at - earlier.at) * 1000
            for packets in self.streams.values()
            for earlier, later in pairwise(packets)
        ]

    @property
    def missing(self) -> int:
        """Sequence numbers that never came."""
        return sum(
            max(0, (later.sequence - earlier.sequence - 1) & 0xFFFF)
            for packets in self.streams.values()
            for earlier, later in pairwise(packets)
        )

    def _read(
        self, sock: socket.socket, stop: threading.Event, streams: int, keep_payload: bool
    ) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(sock, selectors.EVENT_READ)
            while not stop.is_set():
                if selector.select(0.1):
                    self._take(sock, streams, keep_payload)

    def _take(self, sock: socket.socket, streams: int, keep_payload: bool) -> None:
        data, ancillary, _, address = sock.recvmsg(2048, 64)
        if address[2] == _PACKET_OUTGOING:
            return  # on loopback each packet is seen leaving and arriving
        header = (data[0] & 15) * 4
        udp = data[header:]
        if len(udp) < 20 or udp[8] >> 6 != 2 or udp[9] & 0x7F not in (0, 8, 101):
            return
        source, destination, length = struct.unpack_from("!HHH", udp)
        (ssrc,) = struct.unpack_from("!I", udp, 16)
        key = (source, destination, ssrc)
        if key not in self.streams and len(self.streams) >= streams:
            return
        seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
        payload = udp[20:length] if keep_payload else b""
        self.streams.setdefault(key, []).append(
            Packet(seconds + nanoseconds / 1e9, struct.unpack_from("!H", udp, 10)[0], payload)
        )


def _open(both_ways: bool) -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    _attach(sock, _filter(both_ways))
    sock.bind(("lo", _ETH_P_IP))
    return sock


def _filter(both_ways: bool) -> list[tuple[int, int, int, int]]:
    """Classic BPF: UDP whose source port (or either port) is one of the gateway's RTP ports."""
    accept, drop = (0x06, 0, 0, 0xFFFF), (0x06, 0, 0, 0)
    udp = [(0x30, 0, 0, 9), (0x15, 0, 99, 17), (0xB1, 0, 0, 0)]  # protocol; header length to X

    def in_range(offset: int, then: int, otherwise: int) -> list[tuple[int, int, int, int]]:
        return [
            (0x48, 0, 0, offset),
            (0x35, 0, otherwise + 1, GATEWAY_PORTS[0]),
            (0x25, otherwise, then, GATEWAY_PORTS[1]),
        ]

    if both_ways:
        program = [*udp, *in_range(0, 3, 0), *in_range(2, 0, 1), accept, drop]
    else:
        program = [*udp, *in_range(0, 0, 1), accept, drop]
    program[1] = (0x15, 0, len(program) - 3, 17)
    return program


def _attach(sock: socket.socket, program: list[tuple[int, int, int, int]]) -> None:
    code = b"".join(struct.pack("HBBI", *step) for step in program)
    buffer = ctypes.create_string_buffer(code)
    sock.setsockopt(
        socket.SOL_SOCKET,
        _SO_ATTACH_FILTER,
        struct.pack("HL", len(program), ctypes.addressof(buffer)),
    )
