"""The one shape of every HTTP error: `{"error": {"code", "message"}}`, and which status each of ours has.

Codes of our own errors are those of `gateway/errors.py`; what is only about HTTP begins with `http.`.
"""

from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

from gateway.errors import (
    CallError,
    CallNotFound,
    DialFailed,
    EndpointError,
    GatewayError,
    IceSessionReplaced,
    MessageError,
    NoAgent,
    OfferRefused,
    ProviderUnavailable,
    RoomNotFound,
    StoreError,
)

HTTP_CODES = {
    400: "http.bad_request",
    401: "http.unauthorized",
    403: "http.forbidden",
    404: "http.not_found",
    405: "http.method_not_allowed",
    408: "http.timeout",
    409: "http.conflict",
    413: "http.too_large",
    414: "http.too_large",
    415: "http.unsupported_type",
    417: "http.expectation_failed",
    431: "http.too_large",
    500: "http.internal",
}

_STATUS: tuple[tuple[type[GatewayError], int], ...] = (
    (CallNotFound, 404),
    (NoAgent, 404),
    (RoomNotFound, 404),
    (MessageError, 409),
    (OfferRefused, 400),
    (IceSessionReplaced, 412),
    (DialFailed, 503),
    (CallError, 409),
    (StoreError, 503),
    (EndpointError, 503),
    (ProviderUnavailable, 503),
)
"""First match wins; others are 500."""


class ApiError(Exception):
    """An answer other than success, with its own code."""

    def __init__(
        self, status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        self.status = status
        self.code = code
        self.headers = headers or {}
        """Sent besides: `Retry-After`, `WWW-Authenticate`, `Accept-Post`, …"""
        super().__init__(message)


def error_response(status: int, code: str, message: str) -> web.Response:
    """Return an error in the one shape."""
    return web.json_response({"error": {"code": code, "message": message}}, status=status)


def of_gateway_error(error: GatewayError) -> web.Response:
    """Return the answer for one of our own errors."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    response = error_response(status, error.code, str(error))
    if error.retryable:
        response.headers["Retry-After"] = "5"
    return response


def of_status(status: int, message: str = "") -> web.Response:
    """Return the answer for a bare HTTP status; the message defaults to the status' own words."""
    code = HTTP_CODES.get(status, "http.failed")
    return error_response(status, code, message or _phrase(status))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase.lower()
    except ValueError:
        return f"status {status}"
