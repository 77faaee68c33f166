"""The control messages of the link that are not events of a leg, and how each is named on the wire."""

from dataclasses import dataclass, field

from gateway.model.events import (
    Answered,
    Cleared,
    Dtmf,
    Ended,
    Event,
    Marked,
    MediaUp,
    Offered,
    Ringing,
    Statistics,
)
from gateway.model.hangup import HangupCause

LINK_VERSION = 1
"""Raised with every change of the wire; both ends must have the same."""


# Worker to gateway ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hello:
    """First message of a worker."""

    version: int
    pid: int
    facts: dict[str, str] = field(default_factory=dict)
    """For people: engine, codecs, limits."""


@dataclass(frozen=True, slots=True)
class Pong:
    """Answer to a ping, from the thread that runs the commands."""

    number: int


@dataclass(frozen=True, slots=True)
class LegReport:
    """An event of one leg; the first of each leg is `Offered`, the last `Ended`."""

    leg: int
    """Number of the leg, given out by the worker, never used again while it runs."""
    event: Event


@dataclass(frozen=True, slots=True)
class Refused:
    """An offer that the worker refused by itself; it never gets a leg."""

    offered: Offered
    cause: HangupCause


# Gateway to worker ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Welcome:
    """The gateway accepts the worker."""

    version: int


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for a pong with the same number."""

    number: int


@dataclass(frozen=True, slots=True)
class Drain:
    """End every leg, take no more, exit."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Accept the offer."""

    leg: int


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse the offer."""

    leg: int
    cause: HangupCause
    retry_after_s: int


@dataclass(frozen=True, slots=True)
class Mark:
    """Report when everything queued so far was played."""

    leg: int
    name: str


@dataclass(frozen=True, slots=True)
class Clear:
    """Stop playing now."""

    leg: int


@dataclass(frozen=True, slots=True)
class SendDtmf:
    """Press keys."""

    leg: int
    digits: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call now."""

    leg: int
    cause: HangupCause


UpMessage = Hello | Pong | LegReport | Refused
DownMessage = Welcome | Ping | Drain | Answer | Reject | Mark | Clear | SendDtmf | HangUp
Message = UpMessage | DownMessage

EVENT_NAMES: dict[str, type[Event]] = {
    "offered": Offered,
    "ringing": Ringing,
    "answered": Answered,
    "media_up": MediaUp,
    "marked": Marked,
    "cleared": Cleared,
    "dtmf": Dtmf,
    "statistics": Statistics,
    "ended": Ended,
}
"""Events by the value of `t`; on the wire they also carry `leg`."""

MESSAGE_NAMES: dict[str, type[Message]] = {
    "hello": Hello,
    "pong": Pong,
    "refused": Refused,
    "welcome": Welcome,
    "ping": Ping,
    "drain": Drain,
    "answer": Answer,
    "reject": Reject,
    "mark": Mark,
    "clear": Clear,
    "send_dtmf": SendDtmf,
    "hang_up": HangUp,
}
"""All other messages by the value of `t`."""
