"""How an outbound message's status moves. Nothing else decides what may follow what.

Answers and receipts of a provider come late, twice and in any order; a status never moves back, except when an
operator has a failed message sent again.
"""

from collections.abc import Mapping
from enum import StrEnum

from gateway.errors import InvalidTransition
from gateway.model.messages import MessageStatus as Status


class Trigger(StrEnum):
    """What moves a message."""

    CLAIMED = "claimed"
    """An attempt begins; written down before anything is sent."""
    TAKEN = "taken"
    """The provider said that it has the message."""
    POSTPONED = "postponed"
    """The provider surely does not have it; another attempt will follow."""
    REFUSED = "refused"
    """The provider, or a rule of ours, refused it for good."""
    GIVEN_UP = "given_up"
    """Out of attempts or out of time."""
    REPORTED_SENT = "reported_sent"
    REPORTED_DELIVERED = "reported_delivered"
    REPORTED_READ = "reported_read"
    REPORTED_FAILED = "reported_failed"
    REPLAYED = "replayed"
    """An operator has it sent again."""


RECEIPTS: Mapping[Status, Trigger] = {
    Status.SENT: Trigger.REPORTED_SENT,
    Status.DELIVERED: Trigger.REPORTED_DELIVERED,
    Status.READ: Trigger.REPORTED_READ,
    Status.FAILED: Trigger.REPORTED_FAILED,
}
"""What a receipt of this status triggers; others tell nothing."""

_REPORTED = {
    Trigger.REPORTED_SENT: Status.SENT,
    Trigger.REPORTED_DELIVERED: Status.DELIVERED,
    Trigger.REPORTED_READ: Status.READ,
    Trigger.REPORTED_FAILED: Status.FAILED,
}
_ANSWERS = (Trigger.TAKEN, Trigger.POSTPONED, Trigger.REFUSED, Trigger.GIVEN_UP)
_ARRIVED = (Status.SENT, Status.DELIVERED, Status.READ, Status.FAILED)

TRANSITIONS: Mapping[tuple[Status, Trigger], Status] = {
    (Status.QUEUED, Trigger.CLAIMED): Status.SENDING,
    # Again, once it is known that the provider did not get it, or cannot be known.
    (Status.SENDING, Trigger.CLAIMED): Status.SENDING,
    (Status.QUEUED, Trigger.REFUSED): Status.FAILED,
    (Status.QUEUED, Trigger.GIVEN_UP): Status.DEAD,
    (Status.SENDING, Trigger.TAKEN): Status.SENT,
    (Status.SENDING, Trigger.POSTPONED): Status.QUEUED,
    (Status.SENDING, Trigger.REFUSED): Status.FAILED,
    (Status.SENDING, Trigger.GIVEN_UP): Status.DEAD,
    # Receipts may overtake the answer to the request, and tell what was believed lost.
    **{
        (status, trigger): to
        for status in (Status.QUEUED, Status.SENDING, Status.DEAD)
        for trigger, to in _REPORTED.items()
        # A failure of what waits for its next attempt is that of an earlier one, and known.
        if (status, trigger) != (Status.QUEUED, Trigger.REPORTED_FAILED)
    },
    # The answer comes after a receipt: the receipt knows better.
    **{(status, trigger): status for status in _ARRIVED for trigger in _ANSWERS},
    # The answer to an attempt that was given up, or replayed since a receipt said that it failed.
    (Status.DEAD, Trigger.TAKEN): Status.SENT,
    (Status.QUEUED, Trigger.TAKEN): Status.SENT,
    (Status.QUEUED, Trigger.POSTPONED): Status.QUEUED,
    (Status.DEAD, Trigger.GIVEN_UP): Status.DEAD,
    (Status.SENT, Trigger.REPORTED_DELIVERED): Status.DELIVERED,
    (Status.SENT, Trigger.REPORTED_READ): Status.READ,
    (Status.SENT, Trigger.REPORTED_FAILED): Status.FAILED,
    (Status.DELIVERED, Trigger.REPORTED_READ): Status.READ,
    (Status.FAILED, Trigger.REPLAYED): Status.QUEUED,
    (Status.DEAD, Trigger.REPLAYED): Status.QUEUED,
}


def advance(status: Status, trigger: Trigger) -> Status:
    """Return the status after `trigger`; a late or repeated receipt changes nothing.

    Raises `InvalidTransition` for what we did wrong.
    """
    after = TRANSITIONS.get((status, trigger))
    if after is not None:
        return after
    if trigger in _REPORTED:
        return status
    raise InvalidTransition(status.value, trigger.value)


def may_replay(status: Status) -> bool:
    """Whether an operator may have a message of this status sent again."""
    return (status, Trigger.REPLAYED) in TRANSITIONS
