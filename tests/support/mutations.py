"""Makes wrong messages out of right ones: a strategy of Hypothesis, and the corpus of what was wrong before.

`tests/support/corpus/KIND/` has one file for each message worth keeping: right ones to begin from, famous
torture messages, and whatever once broke something. Each is tried as it is, before any mutation.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

CORPUS = Path(__file__).parent / "corpus"
EXAMPLES = int(os.environ.get("OFFHOOK_FUZZ_EXAMPLES", "150"))
"""How many mutations each test tries; raise it for a long night."""

fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
        HealthCheck.large_base_example,
    ],
)

WORDS = (
    b"",
    b"\0",
    b"\r\n",
    b"\r\n\r\n",
    b" ",
    b"-1",
    b"0",
    b"2147483648",
    b"4294967296",
    b"18446744073709551616",
    b"9" * 400,
    b"%s%n%x",
    b"\xff\xfe",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    "\u202e".encode(),
    b"a" * 300,
    b"../../etc/passwd",
    b'"',
    b"<",
    b";",
    b",",
    b"=",
    b":",
    b"\t",
    b"{}",
    b"[" * 200,
    b"null",
    b"NaN",
    b"1e999",
)
"""What readers are known to stumble over."""


def corpus(kind: str) -> list[bytes]:
    """Return the messages of a kind, in the order of their names."""
    found = [path.read_bytes() for path in sorted((CORPUS / kind).iterdir()) if path.is_file()]
    assert found, f"no corpus of {kind}"
    return found


@st.composite
def mutated(draw: st.DrawFn, seeds: Sequence[bytes], *, most: int = 65_000) -> bytes:
    """Draw a message: one of the seeds after up to six changes."""
    data = draw(st.sampled_from(list(seeds)))
    for _ in range(draw(st.integers(0, 6))):
        data = _changed(draw, data, seeds)[:most]
    return data


def _changed(draw: st.DrawFn, data: bytes, seeds: Sequence[bytes]) -> bytes:
    start = draw(st.integers(0, len(data)))
    stop = draw(st.integers(start, min(len(data), start + 64)))
    part = data[start:stop]
    match draw(st.integers(0, 8)):
        case 0:
            return data[:start] + draw(st.sampled_from(WORDS)) + data[stop:]
        case 1:
            return data[:start] + draw(st.binary(max_size=16)) + data[stop:]
        case 2:
            return data[:start] + data[stop:]
        case 3:
            return data[:stop] + part * draw(st.integers(1, 40)) + data[stop:]
        case 4:
            return data[:start]
        case 5:
            other = draw(st.sampled_from(list(seeds)))
            return data[:start] + other[draw(st.integers(0, len(other))) :]
        case 6:
            return _with_lines(draw, data)
        case 7:
            return data[:start] + bytes(byte ^ 0x20 for byte in part) + data[stop:]
        case _:
            bit = 1 << draw(st.integers(0, 7))
            return data[:start] + bytes([byte ^ bit for byte in part[:1]]) + data[start + 1 :]


def _with_lines(draw: st.DrawFn, data: bytes) -> bytes:
    """Drop, double or swap whole lines: the shape stays, the meaning does not."""
    lines = data.split(b"\r\n")
    first = draw(st.integers(0, len(lines) - 1))
    second = draw(st.integers(0, len(lines) - 1))
    match draw(st.integers(0, 2)):
        case 0:
            del lines[first]
        case 1:
            lines.insert(second, lines[first])
        case _:
            lines[first], lines[second] = lines[second], lines[first]
    return b"\r\n".join(lines)
