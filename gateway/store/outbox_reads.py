"""What the outbox and its readers ask of the database."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select, update

from gateway.model.messages import Channel, MessageStatus
from gateway.store.message_records import (
    AttemptRecord,
    MessageRecord,
    Outcome,
    PendingMessage,
    to_record,
)
from gateway.store.schema_messages import message_attempts, messages

_FAILED = (MessageStatus.FAILED.value, MessageStatus.DEAD.value)


def written_since(connection: Connection, room_id: str, *, since: float, cause: str) -> int:
    """Return how many messages of a room were accepted since, by what their causes begin with."""
    return connection.execute(
        select(func.count()).where(
            messages.c.room_id == room_id,
            messages.c.created_at > since,
            messages.c.cause.startswith(cause, autoescape=True),
        )
    ).scalar_one()


def recover(connection: Connection, *, at: float, settle_s: float) -> list[PendingMessage]:
    """Return what is to be sent, in order, after a start.

    Attempts that a crash interrupted get the outcome `unknown`, and `settle_s` for receipts to tell more.
    """
    # An attempt without an answer is nobody's now: one gateway has the database.
    connection.execute(
        update(message_attempts)
        .where(message_attempts.c.outcome.is_(None))
        .values(outcome=Outcome.UNKNOWN.value, ended_at=at)
    )
    rows = connection.execute(
        select(messages, message_attempts.c.started_at)
        .outerjoin(
            message_attempts,
            (message_attempts.c.message_id == messages.c.message_id)
            & (message_attempts.c.number == messages.c.attempts),
        )
        .where(messages.c.status.in_([MessageStatus.QUEUED.value, MessageStatus.SENDING.value]))
        .order_by(messages.c.seq)
    )
    pending = []
    for row in rows:
        is_unknown = row.status == MessageStatus.SENDING.value
        due_at = row.next_attempt_at
        if is_unknown:
            due_at = max(due_at, (row.started_at or at) + settle_s)
        pending.append(
            PendingMessage(
                message_id=row.message_id,
                seq=row.seq,
                channel=Channel(row.channel),
                sender=row.sender,
                recipient=row.recipient,
                due_at=due_at,
                tries=row.tries,
                provider=row.provider,
                is_unknown=is_unknown,
            )
        )
    return pending


def untold(connection: Connection, *, after_seq: int = 0, limit: int) -> list[MessageRecord]:
    """Return messages that failed and of which nobody has taken note, oldest first."""
    query = (
        select(messages)
        .where(
            messages.c.status.in_(_FAILED),
            messages.c.told_at.is_(None),
            messages.c.seq > after_seq,
        )
        .order_by(messages.c.seq)
        .limit(limit)
    )
    return [to_record(row) for row in connection.execute(query)]


def list_messages(
    connection: Connection,
    *,
    limit: int,
    statuses: Sequence[MessageStatus] = (),
    room_id: str | None = None,
    before_seq: int | None = None,
) -> list[MessageRecord]:
    """Return messages, newest first; dead letters are those `failed` and `dead`."""
    query = select(messages).order_by(messages.c.seq.desc()).limit(limit)
    if statuses:
        query = query.where(messages.c.status.in_([status.value for status in statuses]))
    if room_id is not None:
        query = query.where(messages.c.room_id == room_id)
    if before_seq is not None:
        query = query.where(messages.c.seq < before_seq)
    return [to_record(row) for row in connection.execute(query)]


def message_for_cause(connection: Connection, cause: str) -> MessageRecord | None:
    """Return the message that was accepted for a cause."""
    row = connection.execute(select(messages).where(messages.c.cause == cause)).first()
    return None if row is None else to_record(row)


def causes_beginning(connection: Connection, prefix: str) -> set[str]:
    """Return the causes of messages that begin with a prefix (which ends in `:`); not those of further parts."""
    # A range, not LIKE: it uses the index, and causes may hold LIKE's wildcards.
    after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    query = select(messages.c.cause).where(messages.c.cause >= prefix, messages.c.cause < after)
    return {cause for cause in connection.execute(query).scalars() if "/" not in cause}


def addresses_of_causes(connection: Connection, prefix: str) -> set[tuple[Channel, str]]:
    """Return where messages went whose causes begin with a prefix (which ends in `:`)."""
    after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    query = select(messages.c.channel, messages.c.recipient).where(
        messages.c.cause >= prefix, messages.c.cause < after
    )
    return {(Channel(row.channel), row.recipient) for row in connection.execute(query)}


def attempts(connection: Connection, message_id: str) -> list[AttemptRecord]:
    """Return the attempts to send one message, oldest first."""
    query = (
        select(message_attempts)
        .where(message_attempts.c.message_id == message_id)
        .order_by(message_attempts.c.number)
    )
    return [
        AttemptRecord(
            number=row.number,
            provider=row.provider,
            started_at=row.started_at,
            ended_at=row.ended_at,
            outcome=None if row.outcome is None else Outcome(row.outcome),
            provider_id=row.provider_id,
            error_code=row.error_code,
            error_detail=row.error_detail,
        )
        for row in connection.execute(query)
    ]


def is_of_another(
    connection: Connection, *, provider: str, provider_id: str, message_id: str
) -> bool:
    """Whether what a provider took under an id is another message than this one."""
    query = select(message_attempts.c.message_id).where(
        message_attempts.c.provider == provider,
        message_attempts.c.provider_id == provider_id,
        message_attempts.c.message_id != message_id,
    )
    return connection.execute(query.limit(1)).first() is not None


def counts(connection: Connection) -> dict[MessageStatus, int]:
    """Return how many messages there are of each status."""
    query = select(messages.c.status, func.count()).group_by(messages.c.status)
    return {MessageStatus(status): number for status, number in connection.execute(query).all()}
