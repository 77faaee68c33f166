"""The query of `/api/v1/calls`: which calls, and where to go on."""

import math
from datetime import UTC, datetime

from aiohttp import web

from gateway.http.errors import ApiError
from gateway.model.events import Direction, EndpointKind
from gateway.model.hangup import HangupCause, HangupGroup
from gateway.store.call_filter import CallFilter
from gateway.store.records import CallRecord

_TEXT_MOST = 255


def wanted_calls(request: web.Request) -> CallFilter:
    """Return what a request asks for. Raises `ApiError` 400 that names the field and the remedy."""
    return CallFilter(
        active=flag(request, "active"),
        since=_moment(request, "since"),
        until=_moment(request, "until"),
        number=_number(request, "number"),
        person=_number(request, "person"),
        agent=_text(request, "agent"),
        endpoint=_one_of(request, "endpoint", [kind.value for kind in EndpointKind]),
        direction=_one_of(request, "direction", [direction.value for direction in Direction]),
        causes=_causes(request),
        after=_cursor(request),
    )


def cursor_of(record: CallRecord) -> str:
    """Return what to ask for as `after` to go on behind a call."""
    return f"{record.offered_at!r}~{record.call_id}"


def flag(request: web.Request, name: str) -> bool | None:
    """Return true, false or (not given) None."""
    text = request.query.get(name, "").lower()
    if text in ("", "true", "1", "false", "0"):
        return None if not text else text in ("true", "1")
    raise _wrong(f"{name} must be true or false")


def _moment(request: web.Request, name: str) -> float | None:
    # A + in a query that was not written as %2B arrives as a space.
    text = request.query.get(name, "").strip().replace(" ", "+")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return moment.timestamp()
    except (ValueError, OverflowError):
        raise _wrong(
            f"{name} must be a date or a time by RFC 3339, such as 2026-01-31 or "
            "2026-01-31T09:00:00Z"
        ) from None


def _text(request: web.Request, name: str) -> str:
    text = request.query.get(name, "").strip()
    if len(text) > _TEXT_MOST:
        raise _wrong(f"{name} must have at most {_TEXT_MOST} characters")
    return text


def _number(request: web.Request, name: str) -> str:
    has_plus = request.query.get(name, "").startswith(" ")
    text = _text(request, name)
    return f"+{text}" if has_plus and text.isdigit() else text


def _one_of(request: web.Request, name: str, known: list[str]) -> str:
    text = _text(request, name).lower()
    if text and text not in known:
        raise _wrong(f"{name} must be one of: {', '.join(known)}")
    return text


def _causes(request: web.Request) -> tuple[str, ...]:
    """`outcome=busy,no_answer`, or a group such as `outcome=us`."""
    found: list[str] = []
    for name in filter(
        None, (part.strip() for part in _text(request, "outcome").lower().split(","))
    ):
        if name in {cause.value for cause in HangupCause}:
            found.append(name)
        elif name in {group.value for group in HangupGroup}:
            found += [cause.value for cause in HangupCause if cause.group.value == name]
        else:
            groups = ", ".join(group.value for group in HangupGroup)
            raise _wrong(
                f"outcome {name[:40]!r} is neither a hangup cause nor a group; groups are: {groups}"
            )
    return tuple(dict.fromkeys(found))


def _cursor(request: web.Request) -> tuple[float, str] | None:
    text = _text(request, "after")
    if not text:
        return None
    offered_at, _, call_id = text.partition("~")
    try:
        at = float(offered_at)
    except ValueError:
        at = math.nan
    if not math.isfinite(at):
        raise _wrong("after must be `next_after` of the page before")
    return at, call_id


def _wrong(message: str) -> ApiError:
    return ApiError(400, "http.bad_request", message)
