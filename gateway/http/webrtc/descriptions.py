"""Looks at session descriptions before a worker does: whether text can be an offer or an ICE fragment at all.

Refusals say what is wrong without repeating what was sent.
"""

import re
from dataclasses import dataclass

from gateway.http.errors import ApiError

OFFER_MOST = 32 * 1024
"""Bytes; a browser's audio offer has 2 to 6 KB, and every candidate adds 100."""

FRAGMENT_MOST = 8 * 1024
LINES_MOST = 1000
LINE_MOST = 1024
CANDIDATES_MOST = 64
"""In one description; a machine with many networks has twenty."""

MALFORMED = "sdp.malformed"
TOO_LARGE = "http.too_large"

_LINE = re.compile(r"[a-z]=[^\x00-\x08\x0b-\x1f\x7f]*")
_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")
"""ice-char (RFC 8839 section 5.4)."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """An ICE fragment (RFC 8840 section 9) that can be handed on."""

    text: str
    ufrag: str
    password: str


def offer(body: bytes) -> str:
    """Return the offer as text; raises `ApiError` if it cannot be one."""
    text, lines = _lines(body, OFFER_MOST)
    if lines[0] != "v=0":
        raise _malformed("an offer begins with v=0")
    if not any(line.startswith("m=audio ") for line in lines):
        raise _malformed("the offer has no audio section")
    if not any(line.startswith("a=fingerprint:") for line in lines):
        raise _malformed("the offer has no fingerprint; only DTLS-SRTP is served")
    _credentials(lines)
    return text


def ufrag_of(text: str) -> str:
    """Return the ICE user name of a description that was let pass."""
    return _credentials(text.splitlines())[0]


def fragment(body: bytes) -> Fragment:
    """Return an ICE fragment; raises `ApiError` if it cannot be one."""
    text, lines = _lines(body, FRAGMENT_MOST)
    # Session level may stand before the first m= line; nothing but ICE belongs here (RFC 8840 9.1).
    ufrag, password = _credentials(lines)
    return Fragment(text, ufrag, password)


def _lines(body: bytes, most: int) -> tuple[str, list[str]]:
    if len(body) > most:
        raise ApiError(413, TOO_LARGE, f"a description may have at most {most} bytes")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed("the description is not UTF-8 text") from None
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    if not text.strip():
        raise _malformed("the description is empty")
    if len(lines) > LINES_MOST:
        raise _malformed(f"the description has more than {LINES_MOST} lines")
    for number, line in enumerate(lines, start=1):
        if len(line) > LINE_MOST:
            raise _malformed(f"line {number} is longer than {LINE_MOST} characters")
        if not _LINE.fullmatch(line):
            raise _malformed(f"line {number} is not of the form x=value")
    if sum(line.startswith("a=candidate:") for line in lines) > CANDIDATES_MOST:
        raise _malformed(f"the description has more than {CANDIDATES_MOST} candidates")
    return text, lines


def _credentials(lines: list[str]) -> tuple[str, str]:
    """The first user name and password: with BUNDLE all sections have the same."""
    ufrag = _first(lines, "a=ice-ufrag:")
    password = _first(lines, "a=ice-pwd:")
    if not _UFRAG.fullmatch(ufrag) or not _PASSWORD.fullmatch(password):
        raise _malformed("a=ice-ufrag or a=ice-pwd is missing or malformed")
    return ufrag, password


def _first(lines: list[str], prefix: str) -> str:
    return next(
        (line.removeprefix(prefix).strip() for line in lines if line.startswith(prefix)), ""
    )


def _malformed(reason: str) -> ApiError:
    return ApiError(400, MALFORMED, reason)
