"""Values in queries and answers of the API."""

from datetime import UTC, datetime

from aiohttp import web

from gateway.http.errors import ApiError


def whole_number(
    request: web.Request, name: str, *, default: int, most: int, least: int = 1
) -> int:
    """Return a number of the query. Raises `ApiError` 400 if it is none within the bounds."""
    text = request.query.get(name, "")
    if not text:
        return default
    # Bounded before it is parsed; int() also takes spaces, underscores and other scripts' digits.
    if not (text.isascii() and text.isdigit() and len(text) < 20) or not least <= int(text) <= most:
        raise ApiError(
            400, "http.bad_request", f"{name} must be a whole number from {least} to {most}"
        )
    return int(text)


def rfc3339(at: float | None) -> str | None:
    """Return seconds since 1970 by RFC 3339 in UTC, to the millisecond."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
