"""What an endpoint's worker process is told about a leg, when it lives at the other end of a link."""

from dataclasses import dataclass

from gateway.model.hangup import HangupCause
from gateway.model.texts import LongText

NO_ICE_SERVERS = LongText("[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Accept the offer."""

    leg: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """Refuse the offer."""

    leg: int
    cause: HangupCause
    retry_after_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Put a mark behind the queued audio."""

    leg: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clear:
    """Drop the queued audio."""

    leg: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SendDtmf:
    """Press keys."""

    leg: int
    digits: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendMessage:
    """Send a text message to the far end; dropped where there is nobody to take it."""

    leg: int
    text: LongText
    """A JSON object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUp:
    """End the call."""

    leg: int
    cause: HangupCause


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Place an outbound call; answered by an `Offered` with the same `call_id`, or its `Ended`."""

    call_id: str
    target: str
    """Where to: a SIP URI."""
    caller: str
    """The number or name we show."""
    trunk: str = ""
    """Name of the trunk whose account is used; empty: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """Refuse new calls from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reread:
    """Read the configuration file again and take up what can change while calls go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiate:
    """Take a browser's offer: followed by `Offered`, and by `Negotiated` once it was answered.

    An offer that cannot be used is told by `NegotiationRefused` instead, and never gets a leg.
    """

    call_id: str
    sdp: LongText
    callee: str
    agent: str = ""
    caller: str = ""
    caller_name: str = ""
    source: str = ""
    relay_only: bool = False
    """Use TURN relays only on our side."""
    early_audio: bool = False
    """The browser sends what was said before the connection, over its data channel."""
    max_call_s: int = 0
    ice_servers: LongText = NO_ICE_SERVERS
    """JSON array as in `RTCConfiguration.iceServers` (W3C WebRTC section 4.2.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCandidates:
    """The browser found more candidates."""

    call_id: str
    fragment: LongText
    """RFC 8840 section 9."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartIce:
    """The browser wants new ICE credentials: `Negotiated` or `NegotiationRefused` follows."""

    call_id: str
    fragment: LongText
    etag: str
    """The ICE session that is to be replaced; `*`: whichever there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerLeft:
    """The far end ended the call through signalling; before the answer it gave up."""

    call_id: str


Signalling = Negotiate | AddCandidates | RestartIce | CallerLeft
"""What the far end of a browser call says beside its transport; told by call id."""

Command = (
    Answer
    | Reject
    | Mark
    | Clear
    | SendDtmf
    | SendMessage
    | HangUp
    | Place
    | Signalling
    | Drain
    | Reread
)
