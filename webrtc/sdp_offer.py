"""Reads a browser's offer: what it wants, or which rule it breaks; pure.

Served is one audio section and at most one data channel section on one transport (BUNDLE), encrypted with
DTLS-SRTP; all else in the offer is refused in the answer, section by section (RFC 3264 section 6).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.errors import OfferRefused
from webrtc.sdp_fragment import Credentials, RemoteCandidate, candidates_of, credentials_of

SECTIONS_LIMIT = 16
LINES_LIMIT = 1_000

_LINE = re.compile(r"[a-z]=[^\x00-\x08\x0b-\x1f\x7f]*")
_MEDIA = re.compile(
    r"m=(?P<kind>[a-z]{1,20}) (?P<port>\d{1,5})(/\d+)? (?P<profile>\S{1,64}) (?P<formats>.+)"
)
_TOKEN = re.compile(r"[A-Za-z0-9_+./!#$%&'*^`{|}~-]{1,64}")
_FINGERPRINT = re.compile(
    r"(sha-256|sha-384|sha-512) ((?:[0-9A-Fa-f]{2}:)+[0-9A-Fa-f]{2})", re.IGNORECASE
)
_RTPMAP = re.compile(r"a=rtpmap:(\d{1,3}) ([A-Za-z0-9-]{1,32})/(\d{1,6})(?:/(\d))?")

_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_SETUPS = ("actpass", "active", "passive")
SCTP_PORT = 5000
_MESSAGE_BYTES = 65_536
"""Largest message where the offer does not say (RFC 8841 section 6.1)."""
MESSAGE_BYTES_LIMIT = 262_144


class CodecName(StrEnum):
    """Codecs of browser calls, best first."""

    OPUS = "opus"
    PCMU = "PCMU"
    PCMA = "PCMA"


_CLOCKS_HZ = {CodecName.OPUS: 48_000, CodecName.PCMU: 8_000, CodecName.PCMA: 8_000}
_STATIC = {0: ("PCMU", 8_000), 8: ("PCMA", 8_000)}
"""Payload types that need no rtpmap (RFC 3551 section 6)."""


@dataclass(frozen=True, slots=True)
class OfferedCodec:
    """The codec we take, under the far end's number for it."""

    name: CodecName
    payload_type: int

    @property
    def clock_hz(self) -> int:
        return _CLOCKS_HZ[self.name]


@dataclass(frozen=True, slots=True)
class Section:
    """One `m=` section, as far as it must be answered."""

    kind: str
    profile: str
    formats: str
    mid: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a browser offers."""

    sections: tuple[Section, ...]
    audio: int
    """Index of the audio section we take."""
    data: int | None
    """Index of the data channel section we take."""
    codec: OfferedCodec
    events: tuple[tuple[int, int], ...]
    """Payload types of telephone events, with their clocks (Hz)."""
    listen_only: bool
    """The browser sends no audio."""
    credentials: Credentials
    candidates: tuple[RemoteCandidate, ...]
    is_complete: bool
    """No more candidates will come."""
    is_lite: bool
    fingerprints: tuple[tuple[str, str], ...]
    setup: str
    sctp_port: int
    message_bytes: int


def read(text: str) -> Offer:
    """Return what an offer says. Raises `OfferRefused` with the rule that it breaks."""
    session, sections = _split(text)
    audio = _first(sections, "audio")
    if audio is None:
        raise OfferRefused("the offer has no audio section")
    main = sections[audio]
    if not main.profile.upper().startswith("UDP/TLS/RTP/SAVP"):
        raise OfferRefused("the audio section is not UDP/TLS/RTP/SAVPF")
    if "a=rtcp-mux" not in main.lines:
        raise OfferRefused(
            "the audio section has no a=rtcp-mux; RTCP is taken on the same port only"
        )
    data = _data_section(sections)
    bundled = _bundled(session)
    if data is not None and not {main.mid, sections[data].mid} <= bundled:
        raise OfferRefused("audio and data channel must be in one BUNDLE group")
    # Everything about the transport is in the section that the bundle is tagged with, or above.
    lines = (*main.lines, *session)
    return Offer(
        sections=tuple(sections),
        audio=audio,
        data=data,
        codec=_codec(main),
        events=_events(main),
        listen_only=_is_listen_only(main, session),
        credentials=credentials_of(lines),
        candidates=candidates_of(lines),
        is_complete="a=end-of-candidates" in lines,
        is_lite="a=ice-lite" in session,
        fingerprints=_fingerprints(lines),
        setup=_setup(lines),
        sctp_port=_number(sections, data, "a=sctp-port:", SCTP_PORT, 65_535),
        message_bytes=_number(
            sections, data, "a=max-message-size:", _MESSAGE_BYTES, MESSAGE_BYTES_LIMIT
        ),
    )


def _split(text: str) -> tuple[tuple[str, ...], list[Section]]:
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    if len(lines) > LINES_LIMIT:
        raise OfferRefused(f"the offer has more than {LINES_LIMIT} lines")
    for number, line in enumerate(lines, start=1):
        if not _LINE.fullmatch(line):
            raise OfferRefused(f"line {number} is not of the form x=value")
    if lines[0] != "v=0":
        raise OfferRefused("an offer begins with v=0")
    starts = [index for index, line in enumerate(lines) if line.startswith("m=")]
    if len(starts) > SECTIONS_LIMIT:
        raise OfferRefused(f"the offer has more than {SECTIONS_LIMIT} sections")
    ends = [*starts[1:], len(lines)][: len(starts)]
    sections = [_section(lines[start:end]) for start, end in zip(starts, ends, strict=True)]
    return tuple(lines[: starts[0]] if starts else lines), sections


def _section(lines: Sequence[str]) -> Section:
    match = _MEDIA.fullmatch(lines[0])
    if match is None or int(match["port"]) > 65_535:
        raise OfferRefused("an m= line is malformed")
    mid = _value(lines, "a=mid:")
    if mid and not _TOKEN.fullmatch(mid):
        raise OfferRefused("an a=mid line is malformed")
    # A section with port 0 is one that the browser itself has given up.
    kind = match["kind"] if int(match["port"]) else f"no {match['kind']}"
    return Section(kind, match["profile"], match["formats"], mid, tuple(lines))


def _first(sections: Sequence[Section], kind: str) -> int | None:
    return next((index for index, item in enumerate(sections) if item.kind == kind), None)


def _data_section(sections: Sequence[Section]) -> int | None:
    for index, section in enumerate(sections):
        is_sctp = section.profile.upper().endswith("DTLS/SCTP")
        if section.kind == "application" and is_sctp and section.formats == "webrtc-datachannel":
            return index
    return None


def _bundled(session: Sequence[str]) -> set[str]:
    groups = [line.split()[1:] for line in session if line.startswith("a=group:BUNDLE ")]
    return set(groups[0]) if groups else set()


def _codec(section: Section) -> OfferedCodec:
    offered = {name.lower(): number for number, name, _ in _maps(section)}
    for name in CodecName:
        if name.lower() in offered:
            return OfferedCodec(name, offered[name.lower()])
    raise OfferRefused("no common codec; taken are opus, PCMU and PCMA")


def _maps(section: Section) -> list[tuple[int, str, int]]:
    """Return payload type, name and clock of each format that is ours to know, last offered first."""
    named = dict(_STATIC)
    for line in section.lines:
        if match := _RTPMAP.fullmatch(line):
            named[int(match[1])] = (match[2], int(match[3]))
    found = []
    for item in section.formats.split():
        number = int(item) if item.isdecimal() and len(item) <= 3 else -1
        if 0 <= number <= 127 and number in named and _is_known(*named[number]):
            found.append((number, *named[number]))
    return found[::-1]


def _is_known(name: str, clock_hz: int) -> bool:
    known = {item.lower(): _CLOCKS_HZ[item] for item in CodecName}
    return name.lower() == "telephone-event" or known.get(name.lower()) == clock_hz


def _events(section: Section) -> tuple[tuple[int, int], ...]:
    return tuple(
        (number, clock_hz)
        for number, name, clock_hz in _maps(section)
        if name.lower() == "telephone-event" and clock_hz
    )


def _is_listen_only(main: Section, session: Sequence[str]) -> bool:
    direction = next(
        (line[2:] for line in (*main.lines, *session) if line[2:] in _DIRECTIONS), "sendrecv"
    )
    if direction in ("inactive", "sendonly"):
        raise OfferRefused(f"the audio section is {direction}: nobody would hear the agent")
    return direction == "recvonly"


def _fingerprints(lines: Sequence[str]) -> tuple[tuple[str, str], ...]:
    found = []
    for line in lines:
        if not line.startswith("a=fingerprint:"):
            continue
        if match := _FINGERPRINT.fullmatch(line.partition(":")[2].strip()):
            found.append((match[1].lower(), match[2].upper()))
    if not found:
        raise OfferRefused("the offer has no fingerprint that is known; only DTLS-SRTP is served")
    return tuple(found)


def _setup(lines: Sequence[str]) -> str:
    setup = _value(lines, "a=setup:") or "actpass"
    if setup not in _SETUPS:
        raise OfferRefused("a=setup must be actpass, active or passive")
    return setup


def _number(
    sections: Sequence[Section], index: int | None, prefix: str, default: int, most: int
) -> int:
    if index is None:
        return default
    value = _value(sections[index].lines, prefix)
    if not value:
        return default
    if not value.isdecimal() or not value.isascii() or len(value) > 10:
        raise OfferRefused(f"{prefix.rstrip(':')} is not a number")
    return min(int(value) or default, most)


def _value(lines: Sequence[str], prefix: str) -> str:
    return next(
        (line.removeprefix(prefix).strip() for line in lines if line.startswith(prefix)), ""
    )
