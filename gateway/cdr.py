"""The call detail record: one call in a row, for accounting, spreadsheets and other programs."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from gateway.model.hangup import HangupCause
from gateway.store.records import CallRecord

COLUMNS = (
    "call_id",
    "room_id",
    "direction",
    "endpoint",
    "caller",
    "caller_name",
    "callee",
    "agent",
    "offered_at",
    "answered_at",
    "ended_at",
    "ring_s",
    "talk_s",
    "cause",
    "group",
    "detail",
    "foreign_id",
    "source",
)
"""In this order for good; new ones are added at the end."""

Cell = str | float | None

_RISKY = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r", "\n")
"""What makes a spreadsheet take a cell for a formula (OWASP, CSV Injection); the wide forms in some languages."""
_NUMBER = re.compile(r"\+?[0-9]{1,20}")


def record_of(call: CallRecord) -> dict[str, Cell]:
    """Return a call's record. Times are RFC 3339 in UTC; durations are seconds, empty if there is none."""
    answered_ms, ended_ms = call.answered_ms, call.ended_ms
    ring_ms = answered_ms if answered_ms is not None else ended_ms
    talk_ms = None if answered_ms is None or ended_ms is None else max(0.0, ended_ms - answered_ms)
    return {
        "call_id": call.call_id,
        "room_id": call.room_id,
        "direction": call.direction,
        "endpoint": call.endpoint,
        "caller": call.caller,
        "caller_name": call.caller_name,
        "callee": call.callee,
        "agent": call.agent,
        "offered_at": _moment(call.offered_at),
        "answered_at": _moment(call.offered_at, answered_ms),
        "ended_at": _moment(call.offered_at, ended_ms),
        "ring_s": _seconds(ring_ms),
        "talk_s": _seconds(talk_ms),
        "cause": call.cause,
        "group": _group(call.cause),
        "detail": call.detail,
        "foreign_id": call.foreign_id,
        "source": call.source,
    }


def csv_lines(records: Iterable[Mapping[str, Cell]], *, header: bool) -> str:
    """Return records as CSV (RFC 4180); what a caller chose never begins a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    if header:
        writer.writerow(COLUMNS)
    for record in records:
        writer.writerow([_cell(record[name]) for name in COLUMNS])
    return text.getvalue()


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}"
    # A plain telephone number is left as it is, so that programs find it.
    # Some programs take spaces away first.
    is_risky = value.startswith(_RISKY) or value.lstrip().startswith(_RISKY)
    if is_risky and not _NUMBER.fullmatch(value):
        return "'" + value
    return value


def _moment(offered_at: float, after_ms: float | None = 0.0) -> str | None:
    if after_ms is None:
        return None
    moment = datetime.fromtimestamp(offered_at + after_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds / 1000, 3)


def _group(cause: str | None) -> str | None:
    try:
        return None if cause is None else HangupCause(cause).group.value
    except ValueError:  # of another version
        return None
