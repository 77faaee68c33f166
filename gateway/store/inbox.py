"""What people wrote to us, written down before the provider is answered, once for each of its message ids."""

from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from gateway.model.messages import Channel, InboundMessage
from gateway.store.clean import clean
from gateway.store.identity import LONGEST
from gateway.store.message_records import media_row, to_media
from gateway.store.schema_messages import inbox
from gateway.store.whatsapp_ids import spellings

# Made once, because making a statement takes longer than running it.
_KNOWN = select(inbox.c.seq).where(
    inbox.c.provider == bindparam("of_provider"), inbox.c.provider_id == bindparam("of_id")
)
_PROCESSED = (
    update(inbox)
    .where(inbox.c.provider == bindparam("of_provider"), inbox.c.provider_id == bindparam("of_id"))
    .values(processed_at=bindparam("at"))
)


def receive(connection: Connection, message: InboundMessage) -> bool:
    """Write an inbound message down; False if it is there already: `waiting` tells whether a room has it."""
    of = {"of_provider": message.provider, "of_id": message.provider_id}
    if connection.execute(_KNOWN, of).first() is not None:
        return False
    connection.execute(
        insert(inbox).values(
            provider=message.provider,
            provider_id=message.provider_id,
            channel=message.channel.value,
            sender=message.sender,
            sender_name=clean(message.sender_name)[:LONGEST],
            recipient=message.recipient,
            text=clean(message.text),
            media=media_row(message.media),
            received_at=message.received_at,
            subject=clean(message.subject)[:LONGEST],
            reply_to=clean(message.reply_to)[:LONGEST],
        )
    )
    return True


def waiting(
    connection: Connection, *, after_seq: int = 0, limit: int
) -> list[tuple[int, InboundMessage]]:
    """Return what no room has yet, in order, each with its number in the inbox."""
    rows = connection.execute(
        select(inbox)
        .where(inbox.c.processed_at.is_(None), inbox.c.seq > after_seq)
        .order_by(inbox.c.seq)
        .limit(limit)
    )
    return [
        (
            row.seq,
            to_inbound(row),
        )
        for row in rows
    ]


def to_inbound(row: Row[Any]) -> InboundMessage:
    """Return a row of the inbox as the message that it is."""
    return InboundMessage(
        provider=row.provider,
        provider_id=row.provider_id,
        channel=Channel(row.channel),
        sender=row.sender,
        sender_name=row.sender_name,
        recipient=row.recipient,
        text=row.text,
        media=to_media(row.media),
        received_at=row.received_at,
        subject=row.subject,
        reply_to=row.reply_to,
    )


def processed(connection: Connection, provider: str, provider_id: str, *, at: float) -> None:
    """The room has it."""
    connection.execute(_PROCESSED, {"of_provider": provider, "of_id": provider_id, "at": at})


def last_inbound_at(
    connection: Connection, channel: Channel, *, sender: str, recipient: str
) -> float | None:
    """Return when this address last wrote to ours on a channel: WhatsApp's window is counted from it."""
    return connection.execute(
        select(func.max(inbox.c.received_at)).where(
            inbox.c.sender.in_(spellings(channel, sender)),
            inbox.c.recipient == recipient,
            inbox.c.channel == channel.value,
        )
    ).scalar()
