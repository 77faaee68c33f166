"""Writes our answer to a browser's offer (RFC 9429 section 5.3.1); pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from webrtc.sdp_fragment import Credentials, candidate_lines, credential_lines
from webrtc.sdp_offer import CodecName, Offer, Section

MESSAGE_BYTES = 65_536
"""Largest message that we take over the data channel."""
_NAME = "offhook"

_OPUS_WISHES = "minptime=10;useinbandfec=1;stereo=0;maxplaybackrate=16000;maxaveragebitrate=40000"
"""RFC 7587 section 6.1: we hear at 16 kHz, and want what repairs lost packets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """Our side of the transport."""

    credentials: Credentials
    candidates: Sequence[str]
    """As written after `a=candidate:`; all of them."""
    fingerprint: str
    """Of our certificate, SHA-256."""
    is_dtls_client: bool
    session_id: int
    ssrc: int


def write(offer: Offer, ours: Ours) -> str:
    """Return the answer: the audio section, the data channel section, all others refused."""
    taken = [index for index in (offer.audio, offer.data) if index is not None]
    mids = [offer.sections[index].mid for index in sorted(taken) if offer.sections[index].mid]
    lines = [
        "v=0",
        f"o=- {ours.session_id} 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        *([f"a=group:BUNDLE {' '.join(mids)}"] if mids else []),
        f"a=msid-semantic: WMS {_NAME}",
    ]
    for index, section in enumerate(offer.sections):
        if index == offer.audio:
            lines += _audio(offer, section, ours)
        elif index == offer.data:
            lines += _data(offer, section, ours)
        else:
            lines += _refused(section)
    return "\r\n".join((*lines, ""))


def section_line(offer: Offer) -> str:
    """Return the audio section's first line, as our fragments repeat it."""
    numbers = [offer.codec.payload_type, *(number for number, _ in offer.events)]
    profile = offer.sections[offer.audio].profile
    return f"m=audio 9 {profile} {' '.join(map(str, numbers))}"


def _audio(offer: Offer, section: Section, ours: Ours) -> list[str]:
    codec = offer.codec
    channels = "/2" if codec.name is CodecName.OPUS else ""
    lines = [
        section_line(offer),
        "c=IN IP4 0.0.0.0",
        *_transport(section, ours),
        *candidate_lines(ours.candidates),
        "a=sendonly" if offer.listen_only else "a=sendrecv",
        f"a=msid:{_NAME} audio",
        "a=rtcp-mux",
        f"a=rtpmap:{codec.payload_type} {codec.name}/{codec.clock_hz}{channels}",
    ]
    if codec.name is CodecName.OPUS:
        lines.append(f"a=fmtp:{codec.payload_type} {_OPUS_WISHES}")
    for number, clock_hz in offer.events:
        lines += [f"a=rtpmap:{number} telephone-event/{clock_hz}", f"a=fmtp:{number} 0-15"]
    return [*lines, "a=ptime:20", f"a=ssrc:{ours.ssrc} cname:{_NAME}"]


def _data(offer: Offer, section: Section, ours: Ours) -> list[str]:
    return [
        f"m=application 9 {section.profile} {section.formats}",
        "c=IN IP4 0.0.0.0",
        *_transport(section, ours),
        f"a=sctp-port:{offer.sctp_port}",
        f"a=max-message-size:{MESSAGE_BYTES}",
    ]


def _transport(section: Section, ours: Ours) -> list[str]:
    return [
        *([f"a=mid:{section.mid}"] if section.mid else []),
        *credential_lines(ours.credentials),
        f"a=fingerprint:sha-256 {ours.fingerprint}",
        f"a=setup:{'active' if ours.is_dtls_client else 'passive'}",
    ]


def _refused(section: Section) -> list[str]:
    kind = section.kind.removeprefix("no ")
    return [
        f"m={kind} 0 {section.profile} {section.formats}",
        "c=IN IP4 0.0.0.0",
        *([f"a=mid:{section.mid}"] if section.mid else []),
        "a=inactive",
    ]
