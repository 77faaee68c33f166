"""Drops packets of unknown senders in the kernel, before PJSIP could answer them.

PJSIP answers OPTIONS, and refuses strangers' INVITEs, by itself: enough for scanners to find a victim.
A classic BPF program on the listening sockets (socket(7), SO_ATTACH_FILTER) lets only packets of the
allowed networks reach them; everybody else sees a host without a SIP service. The listener's filter
also judges TCP's SYN, and sockets that it accepts inherit it.
"""

import ctypes
import ipaddress
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import EndpointError

_SO_ATTACH_FILTER = 26
_MAX_INSTRUCTIONS = 4096
"""BPF_MAXINSNS of the kernel."""
_INSTRUCTION = struct.Struct("HBBI")

_LD_W_ABS = 0x20
_AND_K = 0x54
_JEQ_K = 0x15
_RET_K = 0x06
_NETWORK_HEADER = -0x100000
"""SKF_NET_OFF: offsets from here on count from the IP header."""
_SOURCE_ADDRESS = (_NETWORK_HEADER + 12) & 0xFFFFFFFF
_WHOLE_PACKET = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Instruction:
    """One classic BPF instruction (linux/filter.h)."""

    code: int
    jump_true: int
    jump_false: int
    k: int


class FilterNotPermitted(EndpointError):
    """Kernels of 2026 and later take filters on TCP sockets from CAP_NET_ADMIN only."""


def build_program(networks: Sequence[str]) -> list[Instruction]:
    """Return a program that accepts packets from IPv4 `networks` (CIDR) and drops all others.

    Raises `EndpointError` if there are more networks than a program can hold.
    """
    program: list[Instruction] = []
    merged = ipaddress.collapse_addresses(ipaddress.IPv4Network(item) for item in networks)
    for network in merged:
        program += (
            Instruction(_LD_W_ABS, 0, 0, _SOURCE_ADDRESS),
            Instruction(_AND_K, 0, 0, int(network.netmask)),
            Instruction(_JEQ_K, 0, 1, int(network.network_address)),
            Instruction(_RET_K, 0, 0, _WHOLE_PACKET),
        )
    program.append(Instruction(_RET_K, 0, 0, 0))
    if len(program) > _MAX_INSTRUCTIONS:
        raise EndpointError(
            f"[sip] allow names {len(networks)} networks; the kernel's filter holds "
            f"{(_MAX_INSTRUCTIONS - 1) // 4}"
        )
    return program


@dataclass(frozen=True, slots=True)
class ListeningSocket:
    """A socket of this process, found by where it listens."""

    protocol: str
    """`udp` or `tcp`."""
    fd: int
    inode: int


def attach(listening: ListeningSocket, program: Sequence[Instruction]) -> None:
    """Put `program` on the socket, in place of any other. Raises `EndpointError`.

    The kernel changes programs between two packets: at no moment is the socket open to everybody.
    """
    packed = b"".join(
        _INSTRUCTION.pack(item.code, item.jump_true, item.jump_false, item.k) for item in program
    )
    buffer = ctypes.create_string_buffer(packed, len(packed))
    argument = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    # The descriptor belongs to PJSIP: work on a duplicate, which is the same socket.
    with socket.socket(fileno=os.dup(listening.fd)) as duplicate:
        try:
            duplicate.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, argument)
        except PermissionError as error:
            raise FilterNotPermitted(
                f"this kernel lets only CAP_NET_ADMIN filter the SIP {listening.protocol} socket by "
                'source address; give the service that capability, or set sip.transports = ["udp"]'
            ) from error
        except OSError as error:
            raise EndpointError(
                f"cannot filter the SIP {listening.protocol} socket by source address: {error}; "
                "the worker does not listen without that filter"
            ) from error


def find_socket(protocol: str, host: str, port: int) -> ListeningSocket:
    """Find this process's listening socket. Raises `EndpointError` if there is not exactly one."""
    wanted = _rows(protocol, host, port)
    found = [
        ListeningSocket(protocol, fd, inode) for fd, inode in _own_sockets() if inode in wanted
    ]
    if len(found) != 1:
        raise EndpointError(
            f"found {len(found)} sockets of this process on {protocol} {host}:{port}, expected one"
        )
    return found[0]


def dropped_packets(listening: ListeningSocket) -> int:
    """Return how many datagrams the kernel dropped on the UDP socket (0 if it is gone)."""
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        columns = line.split()
        if int(columns[9]) == listening.inode:
            return int(columns[12])
    return 0


_TCP_LISTEN = "0A"


def _rows(protocol: str, host: str, port: int) -> set[int]:
    """Return the inodes of sockets bound to `host:port`."""
    # The kernel prints the address as one number in the machine's byte order.
    address = f"{struct.unpack('=I', socket.inet_aton(host))[0]:08X}:{port:04X}"
    inodes = set()
    for line in Path(f"/proc/net/{protocol}").read_text().splitlines()[1:]:
        columns = line.split()
        if columns[1] == address and (protocol == "udp" or columns[3] == _TCP_LISTEN):
            inodes.add(int(columns[9]))
    return inodes


def _own_sockets() -> list[tuple[int, int]]:
    """Return (descriptor, inode) of each open socket of this process."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue  # the descriptor of the listing itself
        if target.startswith("socket:["):
            found.append((int(name), int(target[8:-1])))
    return found
