"""Maps Twilio's message statuses to ours: https://www.twilio.com/docs/messaging/api/message-resource."""

from gateway.model.messages import MessageStatus

_STATUSES = {
    "accepted": MessageStatus.SENT,
    "scheduled": MessageStatus.SENT,
    "queued": MessageStatus.SENT,
    "sending": MessageStatus.SENT,
    "sent": MessageStatus.SENT,
    # Of a long text some segments arrived: sending all of it again would help nobody.
    "partially_delivered": MessageStatus.DELIVERED,
    "delivered": MessageStatus.DELIVERED,
    "read": MessageStatus.READ,
    "undelivered": MessageStatus.FAILED,
    "failed": MessageStatus.FAILED,
    "canceled": MessageStatus.FAILED,
}


def status_of(text: str) -> MessageStatus | None:
    """Return our status; None for one that is not known, which must not move a message."""
    return _STATUSES.get(text.strip().lower())
