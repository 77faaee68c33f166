"""Reads and writes ICE fragments (RFC 8840 section 9): credentials and candidates of one transport; pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.errors import OfferRefused

CANDIDATES_LIMIT = 64
"""Most candidates of one description; more are left out: a machine with many networks has twenty."""

_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")
"""ice-char (RFC 8839 section 5.4)."""
_CANDIDATE = re.compile(
    r"(?P<foundation>[A-Za-z0-9+/]{1,32}) (?P<component>\d{1,3}) (?P<transport>[A-Za-z]{1,8})"
    r" (?P<priority>\d{1,10}) (?P<host>[A-Za-z0-9.:\-]{1,255}) (?P<port>\d{1,5})"
    r" typ (?P<type>host|srflx|prflx|relay)( .*)?"
)
_RTP_COMPONENT = 1


@dataclass(frozen=True, slots=True)
class Credentials:
    """Of one ICE session (RFC 8839 section 5.4)."""

    ufrag: str
    password: str


@dataclass(frozen=True, slots=True)
class RemoteCandidate:
    """A UDP candidate of the far end (RFC 8839 section 5.1)."""

    foundation: str
    priority: int
    host: str
    """Address, or a name ending in `.local`."""
    port: int
    type: str


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a fragment says."""

    credentials: Credentials
    candidates: tuple[RemoteCandidate, ...]
    is_complete: bool
    """No more candidates will come."""


def read(text: str) -> Fragment:
    """Return what a fragment says; raises `OfferRefused`. The sections share one transport (BUNDLE)."""
    lines = text.splitlines()
    return Fragment(
        credentials_of(lines), candidates_of(lines), any(line == _END for line in lines)
    )


def write(credentials: Credentials, candidates: Sequence[str], *, section: str, mid: str) -> str:
    """Return a complete fragment; `candidates` are written as after `a=candidate:`."""
    lines = [
        *credential_lines(credentials),
        section,
        *([f"a=mid:{mid}"] if mid else []),
        *candidate_lines(candidates),
        "",
    ]
    return "\r\n".join(lines)


_END = "a=end-of-candidates"


def credential_lines(credentials: Credentials) -> list[str]:
    return [f"a=ice-ufrag:{credentials.ufrag}", f"a=ice-pwd:{credentials.password}"]


def candidate_lines(candidates: Sequence[str]) -> list[str]:
    """Return the lines of all our candidates: we tell them at once."""
    return [*(f"a=candidate:{candidate}" for candidate in candidates), _END]


def credentials_of(lines: Iterable[str]) -> Credentials:
    """Return the first credentials; raises `OfferRefused`."""
    ufrag = password = ""
    for line in lines:
        if line.startswith("a=ice-ufrag:") and not ufrag:
            ufrag = line.partition(":")[2].strip()
        elif line.startswith("a=ice-pwd:") and not password:
            password = line.partition(":")[2].strip()
    if not _UFRAG.fullmatch(ufrag) or not _PASSWORD.fullmatch(password):
        raise OfferRefused("a=ice-ufrag or a=ice-pwd is missing or malformed")
    return Credentials(ufrag, password)


def candidates_of(lines: Iterable[str]) -> tuple[RemoteCandidate, ...]:
    """Return the candidates that can be used: others, TCP for one, are passed over (RFC 8839 5.1)."""
    found: list[RemoteCandidate] = []
    for line in lines:
        if not line.startswith("a=candidate:") or len(found) >= CANDIDATES_LIMIT:
            continue
        match = _CANDIDATE.fullmatch(line.partition(":")[2].strip())
        if match is None or match["transport"].lower() != "udp":
            continue
        port = int(match["port"])
        if int(match["component"]) != _RTP_COMPONENT or not 0 < port < 65_536:
            continue
        found.append(
            RemoteCandidate(
                match["foundation"], int(match["priority"]), match["host"], port, match["type"]
            )
        )
    return tuple(found)
