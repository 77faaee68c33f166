"""Tests of telephony/native_output.py: what PJSIP prints, and what strangers make it print."""

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from telephony.native_output import BURST, LONGEST, Lines

HEAD = (
    "13:25:50.500         sip_endpoint.c !.Error processing packet from 192.0.2.1:5060: no CSeq:\n"
)


def told(*parts: bytes, now_s: float = 0.0) -> list[tuple[str, str, int]]:
    lines = Lines()
    return [line for part in parts for line in lines.feed(part, now_s)]


def test_a_line_is_told_without_its_time_and_marks():
    assert told(HEAD.encode()) == [
        ("sip_endpoint.c", "Error processing packet from 192.0.2.1:5060: no CSeq:", 0)
    ]


def test_the_packet_that_follows_is_not_told():
    packet = b'INVITE sip:1 SIP/2.0\r\n{"level": "error", "message": "forged"}\r\n\x1b[2J-- end of packet.\n'
    assert len(told(HEAD.encode() + packet)) == 1


def test_lines_come_in_pieces():
    data = HEAD.encode() * 3
    assert len(told(*(data[n : n + 1] for n in range(len(data))))) == 3


def test_who_calls_is_not_told():
    line = b"13:25:50.500 pjsua_acc.c !Registering <sip:+4930123456@192.0.2.1> tel:+4930 SIP:secret@x\n"
    assert told(line)[0][1] == "Registering <sip:…@192.0.2.1> tel:… SIP:…@x"


def test_a_flood_is_counted_and_time_lets_it_go_on():
    lines = Lines()
    first = list(lines.feed(HEAD.encode() * 1000, 0.0))
    later = list(lines.feed(HEAD.encode() * 3, 4.0))

    assert len(first) == BURST
    assert [hidden for _, _, hidden in later] == [1000 - BURST, 0]
    assert lines.hidden == 1


@given(st.lists(st.binary(max_size=200), max_size=30))
def test_whatever_is_printed_what_is_told_is_short(parts):
    lines = Lines()
    for number, part in enumerate(parts):
        for module, text, _ in lines.feed(part, float(number)):
            assert len(module) <= 40
            assert len(text) <= LONGEST
        assert len(lines._rest) <= 2 * LONGEST


PROGRAM = """
import ctypes, logging, os, sys
from telephony.native_output import NativeOutput
logging.basicConfig(format="%(message)s %(told)s", stream=sys.stderr)
output = NativeOutput()
output.open()
libc = ctypes.CDLL(None)
libc.printf(b"13:25:50.500 file.c !first\\nINVITE forged\\n")
for _ in range(200):
    libc.printf(b"x" * 2000 + b"\\n")
libc.printf(b"13:25:50.500 file.c !last")
libc.printf(b"\\n")
output.close()
output.close()
os.write(1, b"after\\n")
"""


def test_the_output_of_c_is_taken_over_and_given_back():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0] == "pjsip first"
    assert lines[-1] == "after"
    assert "forged" not in done.stderr
