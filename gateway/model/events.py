"""What an endpoint reports about a leg.

Every event names its call and the moment it happened on the system's monotonic clock
(`time.monotonic()`, which all processes of one machine share), taken where it happened: a timeline
built from them does not depend on how busy the gateway was.

Order of one leg: `Offered`, then `Answered` and `MediaUp` in either order, then any number of `Marked`,
`Cleared`, `Dtmf`, `MessageReceived` and `Statistics`, and exactly one `Ended`, after which nothing follows.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from gateway.model.hangup import HangupCause
from gateway.model.texts import LongText


class EndpointKind(StrEnum):
    """Which sort of endpoint terminates a call; a label for people, never a switch in code."""

    SIP = "sip"
    WEBRTC = "webrtc"
    TWILIO = "twilio"
    SOUND_CARD = "sound_card"
    FAKE = "fake"


class Direction(StrEnum):
    """Direction of the call (not of its audio)."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class MediaUpReason(StrEnum):
    """How we know that the far end can hear us."""

    PACKET = "packet"
    """Its first media packet arrived."""
    BOUND = "bound"
    """None arrived within the bound; it may be listening only."""
    TRANSPORT = "transport"
    """Its transport is up and encrypted; it may be listening only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a leg can do; the only way in which the gateway may tell one endpoint from another."""

    dtmf_in: bool = True
    dtmf_out: bool = True
    exact_playout: bool = True
    """`played_ms` comes from the media clock, not from an estimate."""
    listen_only: bool = False
    messages: bool = False
    """The far end has a screen: it takes and sends text messages beside the audio."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A call arrived (or was placed) and waits for `answer` or `reject`."""

    call_id: str
    at_s: float
    endpoint: EndpointKind
    caller: str
    """The far end's number or address, as given by the network; not authenticated."""
    callee: str
    """The number or user part that was dialled."""
    agent: str = ""
    """Name of the agent that is to take the call; empty: whoever answers `callee`."""
    max_call_s: int = 0
    """Longest call that this caller may have; 0: as configured."""
    caller_name: str = ""
    foreign_id: str = ""
    """The network's own id of the call (`sip_call_id`, …), for grepping two logs."""
    source: str = ""
    """Network address the offer came from, `host:port`."""
    direction: Direction = Direction.INBOUND
    capabilities: Capabilities = field(default_factory=Capabilities)
    headers: dict[str, str] = field(default_factory=dict)
    """`X-…` headers of the offer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ringing:
    """The far end is being alerted."""

    call_id: str
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The call is up for both sides (for SIP: our 200 was acknowledged)."""

    call_id: str
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaUp:
    """The far end can hear us: queued audio starts on the next tick."""

    call_id: str
    at_s: float
    codec: str
    """For people: `PCMU/8000`, `opus/48000`, …"""
    reason: MediaUpReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """Playout reached a mark, or a clear (or the end of the call) returned it unreached."""

    call_id: str
    at_s: float
    name: str
    played_ms: float
    """Queued audio played on this leg so far, from its beginning; silence between does not count."""
    cleared: bool = False
    """True when the mark came back because of a clear, not because it was reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """Playout was cleared; follows the returned marks."""

    call_id: str
    at_s: float
    played_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Dtmf:
    """The caller pressed a key."""

    call_id: str
    at_s: float
    digit: str
    """One of `0123456789*#ABCD`."""
    duration_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReceived:
    """The far end sent a text message; only legs with `Capabilities.messages` do."""

    call_id: str
    at_s: float
    text: LongText
    """A JSON object with a `type`; not looked at yet by anybody who knows what it means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """A leg's media quality so far; counters run from the beginning of the call."""

    call_id: str
    at_s: float
    packets_in: int
    packets_out: int
    packets_lost_in: int
    packets_lost_out: int
    jitter_in_ms: float
    jitter_out_ms: float
    round_trip_ms: float
    frames_dropped: int
    """Frames of this leg that were dropped inside our process, either way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The leg is over; nothing follows."""

    call_id: str
    at_s: float
    cause: HangupCause
    detail: str = ""
    """For people and logs: the SIP status and reason, or what went wrong."""


LegEvent = (
    Ringing | Answered | MediaUp | Marked | Cleared | Dtmf | MessageReceived | Statistics | Ended
)
"""Everything that may follow an `Offered`."""

Event = Offered | LegEvent
