"""What follows from a provider's error code: another try, another channel, or nothing.

Codes: Twilio's error dictionary (https://www.twilio.com/docs/api/errors), and the outbox's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.model.messages import Channel

DAY_S = 86_400.0
CAPABILITY_S = 30 * DAY_S
"""How long it is remembered that an address is not on a channel."""

SMS_FAMILY = frozenset({Channel.SMS, Channel.RCS})
NUMBER_TEXTS = frozenset({Channel.SMS, Channel.RCS, Channel.WHATSAPP})


class Next(StrEnum):
    """What to do first after a failure."""

    OTHER = "other"
    """Go on with the next channel."""
    AGAIN = "again"
    """The same once more, later; then the next channel."""
    TEMPLATE = "template"
    """The same channel with an approved template; then the next channel."""
    STOP = "stop"
    """Nothing, on any channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """What follows from one error code."""

    next: Next = Next.OTHER
    delay_s: float = 0.0
    """Before the same is tried again."""
    prefers: tuple[Channel, ...] = ()
    """Channels that come first, if the operator allows them at all."""
    excludes: frozenset[Channel] = frozenset()
    """Channels that cannot help, beside the one that failed."""
    unreachable_s: float = 0.0
    """How long the failed channel is not tried for this address."""
    needs_urgency: bool = False
    """Another channel only for what is urgent."""
    is_alert: bool = False
    """The operator has something to put right."""
    is_opt_out: bool = False
    """The person wants no messages from us."""


OTHER = Treatment()
_SMS_NEXT = Treatment(prefers=(Channel.SMS,))
_NOT_THERE = Treatment(prefers=(Channel.SMS,), unreachable_s=CAPABILITY_S)
_LIMITED = Treatment(next=Next.AGAIN, delay_s=600.0, prefers=(Channel.SMS,), needs_urgency=True)
_CONTENT = Treatment(prefers=(Channel.SMS,))
_ALERT = Treatment(is_alert=True)
_CANNOT_TEXT = Treatment(
    prefers=(Channel.VOICE,), excludes=NUMBER_TEXTS, unreachable_s=CAPABILITY_S
)
_OPT_OUT = Treatment(next=Next.STOP, is_opt_out=True)
_STOP = Treatment(next=Next.STOP)

TREATMENTS: Mapping[str, Treatment] = {
    # WhatsApp and Messenger.
    "63016": Treatment(next=Next.TEMPLATE, prefers=(Channel.SMS,)),
    "63003": _NOT_THERE,
    "63024": _NOT_THERE,
    "63018": _LIMITED,
    "63022": _LIMITED,
    "63012": Treatment(next=Next.AGAIN, delay_s=60.0, prefers=(Channel.SMS,)),
    "63021": _CONTENT,
    "63019": _CONTENT,
    "63001": Treatment(prefers=(Channel.SMS,), is_alert=True),
    "63013": Treatment(prefers=(Channel.SMS,), is_alert=True),
    "63032": _SMS_NEXT,
    # SMS.
    "30003": Treatment(next=Next.AGAIN, delay_s=900.0),
    "30004": Treatment(prefers=(Channel.WHATSAPP, Channel.VOICE), excludes=SMS_FAMILY),
    "30005": _CANNOT_TEXT,
    "30006": _CANNOT_TEXT,
    "21614": _CANNOT_TEXT,
    "21635": _CANNOT_TEXT,
    "30007": Treatment(prefers=(Channel.WHATSAPP, Channel.RCS), is_alert=True),
    "30008": Treatment(next=Next.AGAIN, delay_s=300.0),
    "30034": _ALERT,
    "30032": _ALERT,
    "21408": _ALERT,
    "21612": _ALERT,
    # Our account or sender: no credentials, suspended, not our number, cannot send there.
    "20003": _ALERT,
    "20005": _ALERT,
    "30002": _ALERT,
    "21606": _ALERT,
    "21659": _ALERT,
    # No alert: the number simply has no WhatsApp, which stands in the order by default.
    "63007": _SMS_NEXT,
    "21610": _OPT_OUT,
    # The provider is down or overrun; the outbox has backed off and given up already.
    "20429": OTHER,
    "14107": OTHER,
    # The outbox's own.
    "opted_out": _STOP,
    "muted": _STOP,
    "no_transport": _ALERT,
    "expired": _STOP,
    # The person may have it: one message too few is better than the same one twice.
    "outcome_unknown": Treatment(next=Next.STOP, is_alert=True),
}


def treatment_of(code: str) -> Treatment:
    """Return what follows from a code; of an unknown one only that its channel has failed."""
    return TREATMENTS.get(code, OTHER)
