"""What happens to outbound messages, each as one transaction's work; all may run twice and leave one copy.

Every function takes the caller's connection, with a transaction begun, and the time, seconds since 1970.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from gateway.model.messages import Accepted, Channel, MessageStatus, OutboundMessage
from gateway.store.message_records import MessageRecord, Outcome, to_record, to_row
from gateway.store.message_states import RECEIPTS, Trigger, advance, may_replay
from gateway.store.people import is_opted_out
from gateway.store.receipt_writes import apply_early_receipts
from gateway.store.room_access import access
from gateway.store.schema_messages import message_attempts, messages

# Made once, because making a statement takes longer than running it.
_BY_ID = select(messages).where(messages.c.message_id == bindparam("message_id"))
_BY_ID_LOCKED = _BY_ID.with_for_update()
_BY_CAUSE = select(messages.c.message_id).where(messages.c.cause == bindparam("cause"))
_ATTEMPT = select(message_attempts).where(
    message_attempts.c.message_id == bindparam("message_id"),
    message_attempts.c.number == bindparam("number"),
)

OPTED_OUT = "opted_out"
EXPIRED = "expired"
MUTED = "muted"


class Acceptance(StrEnum):
    """What became of a message that was handed to the outbox."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    """There is a message for this cause."""
    OPTED_OUT = "opted_out"
    """The person wants no messages; nothing was written down."""
    MUTED = "muted"
    """The channel is muted in this room, or closed to agents; nothing was written down."""
    FULL = "full"
    """Too much waits already; nothing was written down."""


class Verdict(StrEnum):
    """Whether a message is to be sent now."""

    SEND = "send"
    STOPPED = "stopped"
    """Not any more: opted out, muted, too late."""
    GONE = "gone"
    """It is settled already, or another attempt has begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Leave to send, or why not."""

    verdict: Verdict
    record: MessageRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an attempt failed."""

    code: str
    detail: str


def accept(
    connection: Connection, message: OutboundMessage, *, at: float, not_before: float
) -> tuple[Acceptance, str]:
    """Write a message down; returns what became of it and the id of the message of this cause."""
    known = connection.execute(_BY_CAUSE, {"cause": message.cause}).scalar()
    if known is not None:
        # The same message again is this very write, tried twice.
        again = known == message.message_id
        return (Acceptance.ACCEPTED if again else Acceptance.DUPLICATE), known
    if is_opted_out(connection, message.channel, message.recipient):
        return Acceptance.OPTED_OUT, ""
    if access(connection, message.room_id, message.channel).is_muted:
        return Acceptance.MUTED, ""
    connection.execute(
        insert(messages).values(
            **to_row(message),
            created_at=at,
            changed_at=at,
            next_attempt_at=not_before,
            status=MessageStatus.QUEUED.value,
        )
    )
    return Acceptance.ACCEPTED, message.message_id


def claim(
    connection: Connection, message_id: str, *, provider: str, at: float, resend: bool = False
) -> Claim:
    """Begin an attempt, written down before anything is sent; `resend` though the last one has no answer.

    The ledger of opt-outs is asked in the same transaction: what it says before this is honoured.
    """
    row = _locked(connection, message_id)
    status = None if row is None else MessageStatus(row.status)
    if row is None or status not in (MessageStatus.QUEUED, MessageStatus.SENDING):
        return Claim(verdict=Verdict.GONE)
    attempt = _last_attempt(connection, row) if status is MessageStatus.SENDING else None
    if attempt is not None and attempt.outcome is None:
        if attempt.started_at == at and attempt.provider == provider:
            # This very claim, tried twice.
            return Claim(verdict=Verdict.SEND, record=to_record(row))
        if not resend:
            return Claim(verdict=Verdict.GONE)
        _end_attempt(connection, row, Outcome.UNKNOWN, at=at)
    if is_opted_out(connection, Channel(row.channel), row.recipient):
        failure = Failure(code=OPTED_OUT, detail="the person wants no messages")
        return Claim(
            verdict=Verdict.STOPPED,
            record=_settle(connection, row, Trigger.REFUSED, failure, at=at),
        )
    if access(connection, row.room_id, Channel(row.channel)).is_muted:
        failure = Failure(code=MUTED, detail="the channel is muted in this room")
        return Claim(
            verdict=Verdict.STOPPED,
            record=_settle(connection, row, Trigger.REFUSED, failure, at=at),
        )
    if row.not_after is not None and at > row.not_after:
        failure = Failure(code=EXPIRED, detail="it could not be sent while it was of use")
        return Claim(
            verdict=Verdict.STOPPED,
            record=_settle(connection, row, Trigger.GIVEN_UP, failure, at=at),
        )
    number = row.attempts + 1
    connection.execute(
        insert(message_attempts).values(
            message_id=message_id, number=number, provider=provider, started_at=at
        )
    )
    record = _change(
        connection,
        row,
        Trigger.CLAIMED,
        at=at,
        attempts=number,
        tries=row.tries + 1,
        provider=provider,
        provider_id="",
    )
    return Claim(verdict=Verdict.SEND, record=record)


def taken(
    connection: Connection, message_id: str, accepted: Accepted, *, at: float
) -> MessageRecord | None:
    """The provider has the message. Receipts that came before this are applied."""
    row = _locked(connection, message_id)
    if row is None:
        return None
    before = row.status
    _end_attempt(connection, row, Outcome.TAKEN, at=at, provider_id=accepted.provider_id)
    row = _again(
        connection,
        row,
        Trigger.TAKEN,
        at=at,
        provider_id=accepted.provider_id or row.provider_id,
        error_code="",
        error_detail="",
    )
    reported = RECEIPTS.get(accepted.status)
    if reported is not None:
        row = _again(connection, row, reported, at=at)
    if apply_early_receipts(connection, provider=row.provider, provider_id=accepted.provider_id):
        row = _locked(connection, message_id) or row
    return to_record(row, before=before)


def not_taken(
    connection: Connection,
    message_id: str,
    failure: Failure,
    trigger: Trigger,
    *,
    at: float,
    next_attempt_at: float = 0.0,
) -> MessageRecord | None:
    """The attempt failed: `trigger` says whether for now (`postponed`), or for good."""
    row = _locked(connection, message_id)
    if row is None:
        return None
    postponed = trigger is Trigger.POSTPONED
    _end_attempt(
        connection, row, Outcome.POSTPONED if postponed else Outcome.REFUSED, at=at, failure=failure
    )
    if postponed:
        return _change(
            connection,
            row,
            trigger,
            at=at,
            next_attempt_at=next_attempt_at,
            **_error(row, failure),
        )
    return _settle(connection, row, trigger, failure, at=at)


def unknown(
    connection: Connection, message_id: str, failure: Failure, *, at: float, next_attempt_at: float
) -> MessageRecord | None:
    """The connection broke while the provider may have taken the message."""
    row = _locked(connection, message_id)
    if row is None:
        return None
    _end_attempt(connection, row, Outcome.UNKNOWN, at=at, failure=failure)
    if MessageStatus(row.status) is not MessageStatus.SENDING:
        return to_record(row, before=row.status)  # a receipt has told meanwhile
    return _update(connection, row, next_attempt_at=next_attempt_at, **_error(row, failure))


def replay(connection: Connection, message_id: str, *, at: float) -> MessageRecord | None:
    """Queue a failed message again, with all its attempts and without its time limit.

    Returns None if there is no such message or it has not failed. An opt-out still holds.
    """
    row = _locked(connection, message_id)
    if row is None:
        return None
    status = MessageStatus(row.status)
    if status is MessageStatus.QUEUED and row.next_attempt_at == at:
        return to_record(row, before=row.status)  # this very replay, tried twice
    if not may_replay(status):
        return None
    return _change(
        connection,
        row,
        Trigger.REPLAYED,
        at=at,
        tries=0,
        next_attempt_at=at,
        not_after=None,
        told_at=None,
        error_code="",
        error_detail="",
    )


def told(connection: Connection, message_id: str, *, at: float) -> None:
    """Somebody has taken note that the message failed."""
    connection.execute(
        update(messages).where(messages.c.message_id == message_id).values(told_at=at)
    )


def get(connection: Connection, message_id: str) -> MessageRecord | None:
    """Return one message."""
    row = connection.execute(_BY_ID, {"message_id": message_id}).first()
    return None if row is None else to_record(row)


def last_attempt_at(connection: Connection, message_id: str) -> float:
    """Return when the last attempt began; 0 if there was none."""
    latest = select(func.max(message_attempts.c.started_at)).where(
        message_attempts.c.message_id == message_id
    )
    return connection.execute(latest).scalar() or 0.0


def _locked(connection: Connection, message_id: str) -> Row[Any] | None:
    return connection.execute(_BY_ID_LOCKED, {"message_id": message_id}).first()


def _last_attempt(connection: Connection, row: Row[Any]) -> Row[Any] | None:
    return connection.execute(
        _ATTEMPT, {"message_id": row.message_id, "number": row.attempts}
    ).first()


def _end_attempt(
    connection: Connection,
    row: Row[Any],
    outcome: Outcome,
    *,
    at: float,
    provider_id: str = "",
    failure: Failure | None = None,
) -> None:
    values: dict[str, Any] = {"outcome": outcome.value, "ended_at": at}
    if provider_id:
        values["provider_id"] = provider_id
    if failure is not None:
        values |= {"error_code": failure.code, "error_detail": failure.detail}
    connection.execute(
        update(message_attempts)
        .where(
            message_attempts.c.message_id == row.message_id,
            message_attempts.c.number == row.attempts,
        )
        .values(**values)
    )


def _error(row: Row[Any], failure: Failure) -> dict[str, str]:
    """The columns of an error, unless the message has arrived meanwhile."""
    if MessageStatus(row.status) in (MessageStatus.QUEUED, MessageStatus.SENDING):
        return {"error_code": failure.code, "error_detail": failure.detail}
    return {}


def _settle(
    connection: Connection, row: Row[Any], trigger: Trigger, failure: Failure, *, at: float
) -> MessageRecord:
    return _change(connection, row, trigger, at=at, **_error(row, failure))


def _change(
    connection: Connection, row: Row[Any], trigger: Trigger, *, at: float, **values: Any
) -> MessageRecord:
    after = _again(connection, row, trigger, at=at, **values)
    return to_record(after, before=row.status)


def _again(
    connection: Connection, row: Row[Any], trigger: Trigger, *, at: float, **values: Any
) -> Row[Any]:
    after = advance(MessageStatus(row.status), trigger)
    if after.value != row.status:
        values |= {"status": after.value, "changed_at": at}
    return _updated(connection, row, **values)


def _update(connection: Connection, row: Row[Any], **values: Any) -> MessageRecord:
    return to_record(_updated(connection, row, **values), before=row.status)


def _updated(connection: Connection, row: Row[Any], **values: Any) -> Row[Any]:
    if not values:
        return row
    return connection.execute(
        update(messages)
        .where(messages.c.message_id == row.message_id)
        .values(**values)
        .returning(*messages.c)
    ).one()
