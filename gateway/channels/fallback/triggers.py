"""Which ends of a call mean that voice has failed, by a table: nothing else decides it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.model.hangup import HangupCause as Cause


class Trigger(StrEnum):
    """Why a person is owed a message."""

    MISSED = "missed"
    """Rang out, or was abandoned before the greeting ended."""
    REFUSED = "refused"
    """Not answered because of us: no capacity, shutting down, no common codec, a fault."""
    CUT = "cut"
    """Lost while the greeting played or in the middle of the conversation."""
    AGENT_FAILED = "agent_failed"
    NOT_ANSWERED = "not_answered"
    """We called and nobody answered."""
    BUSY = "busy"
    """We called and the line was busy."""
    MESSAGE_FAILED = "message_failed"


class Phase(StrEnum):
    """How far a call had come when it ended."""

    RINGING = "ringing"
    GREETING = "greeting"
    """Answered, but the greeting had not been heard to its end."""
    TALKING = "talking"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOutcome:
    """How a call ended."""

    is_outbound: bool
    phase: Phase
    cause: Cause


_LOST: Mapping[Cause, Trigger] = {
    Cause.WORKER_LOST: Trigger.CUT,
    Cause.NO_MEDIA: Trigger.CUT,
    Cause.NO_ACK: Trigger.CUT,
    Cause.SESSION_EXPIRED: Trigger.CUT,
    Cause.DRAINING: Trigger.CUT,
    Cause.OVERLOADED: Trigger.CUT,
    Cause.INTERNAL_ERROR: Trigger.CUT,
    Cause.AGENT_FAILED: Trigger.AGENT_FAILED,
}

INBOUND: Mapping[Phase, Mapping[Cause, Trigger]] = {
    Phase.RINGING: {
        Cause.CALLER_CANCELLED: Trigger.MISSED,
        Cause.CALLER_HUNG_UP: Trigger.MISSED,
        Cause.NO_ANSWER: Trigger.MISSED,
        Cause.NO_ACK: Trigger.MISSED,
        Cause.NO_MEDIA: Trigger.MISSED,
        Cause.SESSION_EXPIRED: Trigger.MISSED,
        Cause.CAPACITY: Trigger.REFUSED,
        Cause.DRAINING: Trigger.REFUSED,
        Cause.OVERLOADED: Trigger.REFUSED,
        Cause.UNACCEPTABLE_MEDIA: Trigger.REFUSED,
        Cause.INTERNAL_ERROR: Trigger.REFUSED,
        Cause.WORKER_LOST: Trigger.CUT,
        Cause.AGENT_FAILED: Trigger.AGENT_FAILED,
    },
    Phase.GREETING: {
        **_LOST,
        Cause.CALLER_CANCELLED: Trigger.MISSED,
        Cause.CALLER_HUNG_UP: Trigger.MISSED,
    },
    Phase.TALKING: _LOST,
}

OUTBOUND: Mapping[Phase, Mapping[Cause, Trigger]] = {
    # A person who pressed "decline" (`rejected`) has answered in their way and is left alone, and behind a
    # number that does not exist there is nobody. Of all else the person may have seen a missed call.
    Phase.RINGING: {
        **dict.fromkeys(
            (
                Cause.NO_ANSWER,
                Cause.TRUNK_FAILED,
                Cause.UNACCEPTABLE_MEDIA,
                Cause.CAPACITY,
                Cause.DRAINING,
                Cause.OVERLOADED,
                Cause.WORKER_LOST,
                Cause.INTERNAL_ERROR,
            ),
            Trigger.NOT_ANSWERED,
        ),
        Cause.BUSY: Trigger.BUSY,
    },
    Phase.GREETING: _LOST,
    Phase.TALKING: _LOST,
}


def trigger_of(outcome: CallOutcome) -> Trigger | None:
    """Return why the person of this call is owed a message; None if the call ended as it should."""
    table = OUTBOUND if outcome.is_outbound else INBOUND
    return table[outcome.phase].get(outcome.cause)
