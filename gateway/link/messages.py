"""The control messages of the link that are not commands of a leg, and all names on the wire."""

from dataclasses import dataclass, field
from enum import StrEnum

from gateway.model import commands, events
from gateway.model.hangup import HangupCause
from gateway.model.texts import LongText

LINK_VERSION = 3
"""Raised with every change of the wire; both ends must have the same."""


class Refusal(StrEnum):
    """Why a description was refused."""

    BAD_SDP = "bad_sdp"
    """It breaks a rule; the detail says which."""
    UNKNOWN_CALL = "unknown_call"
    STALE = "stale"
    """It is about an ICE session that was replaced meanwhile."""
    FAILED = "failed"
    """We could not do our part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """A worker introduces itself; its first message."""

    version: int
    pid: int
    facts: dict[str, str] = field(default_factory=dict)
    """For people: engine, codecs, limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """The gateway takes the worker; its first message."""

    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Asks a worker for a pong with the same number."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong:
    """Answer to a ping, from the worker's thread that runs the commands."""

    number: int
    counters: dict[str, float] = field(default_factory=dict)
    """The worker's own counters, for metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnLeg:
    """An event of one leg; the first of each leg is `Offered`, the last `Ended`."""

    leg: int
    """Number of the leg, given out by the worker, never used again while it runs."""
    event: events.Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An offer that the worker refused by itself; it never gets a leg."""

    offered: events.Offered
    cause: HangupCause


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiated:
    """The worker's part of an offer (a whole description) or of an ICE restart (a fragment)."""

    call_id: str
    sdp: LongText
    etag: str
    """Names the ICE session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NegotiationRefused:
    """An offer, candidates or a restart that cannot be used; a call that goes on is not harmed."""

    call_id: str
    refusal: Refusal
    detail: str
    """For whoever wrote the description."""


UpMessage = Hello | Pong | OnLeg | Refused | Negotiated | NegotiationRefused
DownMessage = Welcome | Ping | commands.Command
Control = UpMessage | DownMessage

EVENT_NAMES: dict[str, type[events.Event]] = {
    "offered": events.Offered,
    "ringing": events.Ringing,
    "answered": events.Answered,
    "media_up": events.MediaUp,
    "marked": events.Marked,
    "cleared": events.Cleared,
    "dtmf": events.Dtmf,
    "message_received": events.MessageReceived,
    "statistics": events.Statistics,
    "ended": events.Ended,
}
"""Events by the value of `t`; on the wire they also carry `leg`."""

MESSAGE_NAMES: dict[str, type[Control]] = {
    "hello": Hello,
    "pong": Pong,
    "refused": Refused,
    "negotiated": Negotiated,
    "negotiation_refused": NegotiationRefused,
    "welcome": Welcome,
    "ping": Ping,
    "answer": commands.Answer,
    "reject": commands.Reject,
    "mark": commands.Mark,
    "clear": commands.Clear,
    "send_dtmf": commands.SendDtmf,
    "send_message": commands.SendMessage,
    "hang_up": commands.HangUp,
    "place": commands.Place,
    "negotiate": commands.Negotiate,
    "add_candidates": commands.AddCandidates,
    "restart_ice": commands.RestartIce,
    "caller_left": commands.CallerLeft,
    "drain": commands.Drain,
    "reread": commands.Reread,
}
"""All other messages by the value of `t`."""
