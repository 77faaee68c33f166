"""The control messages of the link that are not commands of a leg, and all names on the wire."""

from dataclasses import dataclass, field

from gateway.model import commands, events
from gateway.model.hangup import HangupCause

LINK_VERSION = 2
"""Raised with every change of the wire; both ends must have the same."""


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


UpMessage = Hello | Pong | OnLeg | Refused
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
    "drain": commands.Drain,
}
"""All other messages by the value of `t`."""
