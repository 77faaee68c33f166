"""What is kept for whoever comes back to a channel that has no mailbox of its own, in the caller's transaction."""

from sqlalchemy import Connection, select

from gateway.model.messages import Channel, MessageStatus
from gateway.store.message_records import MessageRecord, to_record
from gateway.store.schema_messages import messages

_TAKEN = (
    MessageStatus.SENDING,
    MessageStatus.SENT,
    MessageStatus.DELIVERED,
    MessageStatus.READ,
)
_UNREAD = (MessageStatus.SENDING, MessageStatus.SENT)


def sent_to(
    connection: Connection,
    channel: Channel,
    recipient: str,
    sender: str,
    *,
    after_seq: int,
    is_unread_only: bool,
    limit: int,
) -> list[MessageRecord]:
    """Return messages to an address after one, in order; perhaps only those that nobody has said to have got."""
    statuses = _UNREAD if is_unread_only else _TAKEN
    query = select(messages).where(
        messages.c.channel == channel.value,
        messages.c.recipient == recipient,
        messages.c.sender == sender,
        messages.c.seq > after_seq,
        messages.c.status.in_([status.value for status in statuses]),
    )
    rows = connection.execute(query.order_by(messages.c.seq).limit(limit))
    return [to_record(row) for row in rows]


def seq_of(connection: Connection, message_id: str) -> int:
    """Return the number of a message; 0 if there is none of this id."""
    found = select(messages.c.seq).where(messages.c.message_id == message_id)
    return connection.execute(found).scalar() or 0
