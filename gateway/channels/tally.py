"""Counts written messages by how far they came, each once for each status, and what the fallback sent."""

from collections.abc import Callable

from gateway.channels.fallback.policy import Decision, Send
from gateway.channels.fallback.triggers import Trigger
from gateway.model.messages import InboundMessage, MessageStatus
from gateway.store.message_records import MessageRecord

RECEIVED = "received"
"""The status of a message that somebody wrote to us."""

_WAY = (MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ)
_FAILED = (MessageStatus.FAILED, MessageStatus.DEAD)

Count = Callable[[str, str], None]
"""Adds one under two labels."""


class Tally:
    """`messages` is counted by channel and status, `fallbacks` by reason and channel."""

    def __init__(self, messages: Count, fallbacks: Count) -> None:
        self._messages = messages
        self._fallbacks = fallbacks

    def received(self, message: InboundMessage) -> None:
        """Somebody wrote; a message that comes again is not to be told again."""
        self._messages(message.channel.value, RECEIVED)

    def changed(self, record: MessageRecord) -> None:
        """A message of ours came to another status, or was accepted."""
        for status in passed(record.before, record.status):
            self._messages(record.message.channel.value, status.value)

    def decided(self, trigger: Trigger, decision: Decision) -> None:
        """The fallback decided, and what it decided was written down."""
        if isinstance(decision, Send):
            self._fallbacks(trigger.value, decision.channel.value)


def passed(before: MessageStatus | None, after: MessageStatus) -> tuple[MessageStatus, ...]:
    """Return the statuses that a message has newly come to.

    What was read was delivered and sent, though no receipt said so: sums of a later status never exceed those
    of an earlier one.
    """
    if after is before or after is MessageStatus.SENDING:
        return ()
    if after is MessageStatus.QUEUED:
        # Not when it only waits for its next attempt.
        return (after,) if before is None or before in _FAILED else ()
    if after not in _WAY:
        return (after,)
    start = _WAY.index(before) + 1 if before in _WAY else 0
    return _WAY[start : _WAY.index(after) + 1]
