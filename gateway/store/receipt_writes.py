"""What a provider's receipts do to messages: forward only, whatever comes twice, late or before its time."""

from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, or_, select, update

from gateway.model.messages import MessageStatus, Receipt
from gateway.store.message_records import MessageRecord, Outcome, to_record
from gateway.store.message_states import RECEIPTS, advance
from gateway.store.schema_messages import early_receipts, message_attempts, messages

# Made once, because making a statement takes longer than running it.
_MESSAGE = (
    select(messages).where(messages.c.message_id == bindparam("message_id")).with_for_update()
)
_ATTEMPT = (
    select(message_attempts)
    .where(
        message_attempts.c.provider == bindparam("of_provider"),
        message_attempts.c.provider_id == bindparam("of_id"),
    )
    .order_by(message_attempts.c.started_at.desc())
    .limit(1)
)
_EARLY = (
    select(early_receipts)
    .where(
        early_receipts.c.provider == bindparam("of_provider"),
        early_receipts.c.provider_id == bindparam("of_id"),
    )
    .order_by(early_receipts.c.at)
)

KEPT_S = 24 * 3600.0
"""How long a receipt waits for its message: much longer than any answer to a request takes."""


def apply_receipt(connection: Connection, receipt: Receipt) -> MessageRecord | None:
    """Apply a receipt; returns the message as it is then, or None if it is not known (yet).

    A receipt of an earlier attempt tells only that the message arrived, not that it failed.
    """
    trigger = RECEIPTS.get(receipt.status)
    attempt = _attempt(connection, receipt)
    if attempt is None:
        if trigger is not None and receipt.provider_id:
            _keep(connection, receipt)
        return None
    row = connection.execute(_MESSAGE, {"message_id": attempt.message_id}).one()
    is_last = attempt.number == row.attempts
    values: dict[str, Any] = {}
    if receipt.provider_id and not attempt.provider_id:
        # The provider's answer was lost, but here is what it would have said.
        connection.execute(
            update(message_attempts)
            .where(
                message_attempts.c.message_id == attempt.message_id,
                message_attempts.c.number == attempt.number,
            )
            .values(provider_id=receipt.provider_id, outcome=Outcome.TAKEN.value)
        )
        if is_last:
            values["provider_id"] = receipt.provider_id
    status = MessageStatus(row.status)
    after = status
    if trigger is not None and (is_last or receipt.status is not MessageStatus.FAILED):
        after = advance(status, trigger)
    if after is not status:
        failed = after is MessageStatus.FAILED
        values |= {
            "status": after.value,
            "changed_at": receipt.at,
            "error_code": receipt.error_code if failed else "",
            "error_detail": f"reported by {receipt.provider}" if failed else "",
            "told_at": None,
        }
    if values:
        row = connection.execute(
            update(messages)
            .where(messages.c.message_id == row.message_id)
            .values(**values)
            .returning(*messages.c)
        ).one()
    return to_record(row, before=status.value)


def apply_early_receipts(connection: Connection, *, provider: str, provider_id: str) -> bool:
    """Apply the receipts that came before it was known which message they are about; False if there are none."""
    if not provider_id:
        return False
    rows = connection.execute(_EARLY, {"of_provider": provider, "of_id": provider_id}).all()
    if not rows:
        return False
    for row in rows:
        receipt = Receipt(
            provider=provider,
            provider_id=provider_id,
            status=MessageStatus(row.status),
            at=row.at,
            error_code=row.error_code,
        )
        apply_receipt(connection, receipt)
    connection.execute(
        delete(early_receipts).where(
            early_receipts.c.provider == provider, early_receipts.c.provider_id == provider_id
        )
    )
    return True


def _attempt(connection: Connection, receipt: Receipt) -> Row[Any] | None:
    if receipt.provider_id:
        of = {"of_provider": receipt.provider, "of_id": receipt.provider_id}
        found = connection.execute(_ATTEMPT, of).first()
        if found is not None:
            return found
    if not receipt.message_id:
        return None
    return connection.execute(
        select(message_attempts)
        .where(
            message_attempts.c.message_id == receipt.message_id,
            message_attempts.c.provider == receipt.provider,
            message_attempts.c.provider_id == "",
            or_(
                message_attempts.c.outcome.is_(None),
                message_attempts.c.outcome == Outcome.UNKNOWN.value,
            ),
        )
        # If there are two whose answer is not known, the older one was heard of first.
        .order_by(message_attempts.c.number)
        .limit(1)
    ).first()


def _keep(connection: Connection, receipt: Receipt) -> None:
    kept = early_receipts.c
    connection.execute(delete(early_receipts).where(kept.at < receipt.at - KEPT_S))
    known = select(kept.at).where(
        kept.provider == receipt.provider,
        kept.provider_id == receipt.provider_id,
        kept.status == receipt.status.value,
    )
    if connection.execute(known).first() is None:
        connection.execute(
            insert(early_receipts).values(
                provider=receipt.provider,
                provider_id=receipt.provider_id,
                status=receipt.status.value,
                at=receipt.at,
                error_code=receipt.error_code,
            )
        )
