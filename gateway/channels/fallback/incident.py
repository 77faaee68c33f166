"""What the fallback policy is given: what went wrong, what was tried, and what is known of the person."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.channels.fallback.phone_number import LineKind
from gateway.channels.fallback.quiet_hours import QuietHours
from gateway.channels.fallback.triggers import Trigger
from gateway.model.messages import Channel, MessageStatus


class Form(StrEnum):
    """In which form a message was written."""

    TEXT = "text"
    TEMPLATE = "template"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One message that was written for the same cause."""

    channel: Channel
    form: Form
    status: MessageStatus
    error_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One thing that went wrong."""

    cause: str
    """The one cause of all that follows, as a key: the call, or the message that failed first."""
    trigger: Trigger
    attempts: tuple[Attempt, ...] = ()
    """All written for this cause so far, in order."""
    is_urgent: bool = True
    first_at: float = 0.0
    """When it went wrong, seconds since 1970; what comes much later helps nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of the person now."""

    addresses: Mapping[Channel, str]
    """Where the person is reached; empty for a caller who withheld their number."""
    senders: Mapping[Channel, str]
    """Our address on each channel that a provider serves."""
    is_opted_out: bool = False
    began: bool = False
    """The person has called or written to us: an answer is expected, no advertisement."""
    consents: Mapping[Channel, bool] = field(default_factory=dict)
    """What the person said for single channels."""
    unreachable: Mapping[Channel, str] = field(default_factory=dict)
    """Channels that are known not to reach the person, each with the code that said so."""
    last_inbound_at: Mapping[Channel, float] = field(default_factory=dict)
    """When the person last wrote, by channel."""
    line: LineKind = LineKind.UNKNOWN
    zones: tuple[str, ...] = ()
    last_fallback_at: float | None = None
    """When something was last sent for another cause."""
    is_in_call: bool = False
    """The person has called again and is being spoken to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the operator wants for a number."""

    order: tuple[Channel, ...] = (Channel.WHATSAPP, Channel.SMS)
    """Channels in the order in which they are tried; none: no fallback."""
    triggers: frozenset[Trigger] = frozenset(Trigger)
    templates: frozenset[Channel] = frozenset()
    """Channels for which an approved template is configured."""
    quiet: QuietHours | None = None
    zone: str = "UTC"
    """Where people are whose number does not tell."""
    attempts_most: int = 5
    """Messages for one cause, all channels together."""
    useful_s: float = 43_200.0
    """So long after the incident a message still helps."""
    pause_s: float = 600.0
    """Shortest time between messages for different causes to one person."""
