"""What an endpoint's worker process is told about a leg, when it lives at the other end of a link."""

from dataclasses import dataclass

from gateway.model.hangup import HangupCause
from gateway.model.texts import LongText


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """Refuse new calls from now on."""


Command = Answer | Reject | Mark | Clear | SendDtmf | SendMessage | HangUp | Place | Drain
