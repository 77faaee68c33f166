"""The filter program, run by a small interpreter of classic BPF; and finding sockets in /proc."""

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import EndpointError
from telephony.source_filter import Instruction, build_program

NETWORK_HEADER = -0x100000


def run(program: list[Instruction], source: str) -> bool:
    """Return whether the kernel would let a packet from `source` through (the ops that we use)."""
    header = bytearray(20)
    header[12:16] = ipaddress.IPv4Address(source).packed
    accumulator = 0
    at = 0
    while True:
        step = program[at]
        at += 1
        match step.code:
            case 0x20:
                (offset,) = struct.unpack("i", struct.pack("I", step.k))
                (accumulator,) = struct.unpack_from(">I", header, offset - NETWORK_HEADER)
            case 0x54:
                accumulator &= step.k
            case 0x15:
                at += step.jump_true if accumulator == step.k else step.jump_false
            case 0x06:
                return step.k != 0
            case other:
                raise AssertionError(f"unknown instruction {other:#x}")


@pytest.mark.parametrize(
    ("networks", "source", "passes"),
    [
        (["127.0.0.0/8"], "127.0.0.1", True),
        (["127.0.0.0/8"], "127.255.255.255", True),
        (["127.0.0.0/8"], "128.0.0.0", False),
        (["127.0.0.1/32"], "127.0.0.2", False),
        (["54.172.60.0/30", "168.86.128.0/18"], "54.172.60.3", True),
        (["54.172.60.0/30", "168.86.128.0/18"], "54.172.60.4", False),
        (["54.172.60.0/30", "168.86.128.0/18"], "168.86.191.255", True),
        (["0.0.0.0/0"], "203.0.113.9", True),
        ([], "127.0.0.1", False),
    ],
)
def test_only_allowed_networks_pass(networks: list[str], source: str, passes: bool) -> None:
    assert run(build_program(networks), source) is passes


@given(
    networks=st.lists(
        st.builds(
            lambda address, length: str(ipaddress.IPv4Network((address, length), strict=False)),
            st.integers(0, 2**32 - 1),
            st.integers(0, 32),
        ),
        max_size=8,
    ),
    source=st.ip_addresses(v=4),
)
def test_the_program_agrees_with_ipaddress(
    networks: list[str], source: ipaddress.IPv4Address
) -> None:
    expected = any(source in ipaddress.IPv4Network(network) for network in networks)
    assert run(build_program(networks), str(source)) is expected


def test_neighbours_are_merged_and_too_many_are_refused() -> None:
    assert len(build_program(["10.0.0.0/25", "10.0.0.128/25"])) == 5
    many = [f"10.{high}.{low}.0/24" for high in range(9) for low in range(0, 256, 2)]
    with pytest.raises(EndpointError, match="the kernel's filter holds 1023"):
        build_program(many)


def test_each_program_ends_by_dropping() -> None:
    assert build_program(["10.0.0.0/8"])[-1] == Instruction(0x06, 0, 0, 0)
