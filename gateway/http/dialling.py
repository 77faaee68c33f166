"""The API that places calls: `POST /api/v1/calls`."""

from typing import Any, Protocol

from aiohttp import web

from gateway.dialling.dialler import DialRequest, PlacedAs
from gateway.errors import DialRefused
from gateway.http.bodies import read_object
from gateway.http.errors import ApiError
from gateway.store.clean import clean

KEYS = ("to", "from", "agent", "trunk", "greeting", "purpose", "idempotency_key")
LONGEST = {"greeting": 1_000, "purpose": 2_000}
LONGEST_NAME = 64
LONGEST_KEY = 200
KEY_HEADER = "Idempotency-Key"

_STATUS = {
    "invalid_number": 400,
    "no_agent": 404,
    "no_trunk": 404,
    "not_allowed": 403,
    "denied": 403,
    "caller_id": 403,
    "room": 403,
    "key_reused": 409,
}
"""All other refusals are limits: 429."""


class Dials(Protocol):
    """Whoever places calls."""

    async def dial(self, request: DialRequest, *, key: str | None = None) -> PlacedAs:
        """Place a call. Raises `DialRefused`, `DialFailed` or `StoreError`."""


def add_routes(app: web.Application, dialler: Dials) -> None:
    """Add `POST /api/v1/calls`; the API's guard stands before it."""

    async def place(request: web.Request) -> web.Response:
        body = await _object(request)
        to = _text(body, "to")
        if not to:
            raise _wrong("to is missing: the number to call")
        key = _text(body, "idempotency_key") or request.headers.get(KEY_HEADER, "")
        if len(key) > LONGEST_KEY or not key.isprintable():
            raise _wrong(f"{KEY_HEADER} must be up to {LONGEST_KEY} printable characters")
        try:
            placed = await dialler.dial(
                DialRequest(
                    to=to,
                    caller_id=_text(body, "from"),
                    agent=_text(body, "agent"),
                    trunk=_text(body, "trunk"),
                    greeting=_text(body, "greeting"),
                    purpose=_text(body, "purpose"),
                ),
                key=key or None,
            )
        except DialRefused as error:
            headers = {"Retry-After": str(error.retry_after_s)} if error.retry_after_s else None
            raise ApiError(
                _STATUS.get(error.reason, 429), f"dial.{error.reason}", str(error), headers=headers
            ) from None
        location = f"/api/v1/calls/{placed.call_id}"
        return web.json_response(
            {
                "call_id": placed.call_id,
                "to": placed.number,
                "trunk": placed.trunk,
                "is_new": placed.is_new,
            },
            status=201 if placed.is_new else 200,
            headers={"Location": location},
        )

    app.router.add_post("/api/v1/calls", place)


async def _object(request: web.Request) -> dict[str, Any]:
    body = await read_object(request, hint='; send an object like {"to": "+4930123456"}')
    if unknown := sorted(set(body) - set(KEYS)):
        raise _wrong(f"unknown key {unknown[0][:40]!r}; keys are: {', '.join(KEYS)}")
    return body


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key, "")
    most = LONGEST_KEY if key == "idempotency_key" else LONGEST.get(key, LONGEST_NAME)
    # What changes when it is cleaned (a NUL, half a surrogate pair) no voice can say and no store can keep.
    if not isinstance(value, str) or len(value) > most or clean(value) != value:
        raise _wrong(f"{key} must be a text of up to {most} characters")
    return value.strip()


def _wrong(message: str) -> ApiError:
    return ApiError(400, "http.bad_request", message)
