"""Reads what is posted to the API as JSON, with errors that name the field, and what it repeats of addresses."""

import json
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from gateway.errors import ConfigError
from gateway.http.errors import ApiError
from gateway.rooms.identities import key_of

KEY_LONGEST = 255


class Body(BaseModel):
    """Base of every body: strict about names."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


B = TypeVar("B", bound=Body)


async def read_body(request: web.Request, kind: type[B]) -> B:
    """Return the body of a request. Raises `ApiError` 400 that names the first field that is wrong."""
    body = await request.read()
    try:
        return kind.model_validate_json(body or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        message = str(first["msg"]).removeprefix("Value error, ")
        raise bad_field(where or "body", message) from None


async def read_object(request: web.Request, *, hint: str = "") -> dict[str, Any]:
    """Return the body of a request as an object, {} for none. Raises `ApiError` 400; `hint` is added to its words."""
    text = (await request.text()).strip()
    try:
        body = json.loads(text or "{}")
    # The second for what is nested deeper than Python's stack.
    except (ValueError, RecursionError):
        raise ApiError(400, "http.bad_request", f"the body is not JSON{hint}") from None
    if not isinstance(body, dict):
        raise ApiError(400, "http.bad_request", f"the body is not a JSON object{hint}")
    return body


def bad_field(name: str, message: str) -> ApiError:
    """Return the error of one field that is wrong."""
    return ApiError(400, "http.bad_request", f"{name}: {message}")


def idempotency_key(request: web.Request, given: str = "") -> str:
    """Return the key by which a request counts once: of the body, else of the header `Idempotency-Key`."""
    key = given or request.headers.get("Idempotency-Key", "")
    if len(key) > KEY_LONGEST or not key.isprintable():
        raise bad_field("idempotency_key", f"must be printable, at most {KEY_LONGEST} characters")
    return key


def person_key_of(name: str, address: str, country: str = "") -> str:
    """Return the key of an address of a person; see `key_of`. Raises `ApiError` 400 that names the field."""
    try:
        return key_of(address.strip(), country)
    except ConfigError as error:
        raise bad_field(name, str(error)) from None
