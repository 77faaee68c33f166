"""Mints tokens for those who hold the API's token: `POST /api/v1/webrtc/tokens`."""

import time
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from gateway.http.bodies import read_object
from gateway.http.errors import ApiError
from gateway.http.webrtc.desk import Desk
from gateway.http.webrtc.tokens import (
    LONGEST_CALL_S,
    LONGEST_LIFE_S,
    LONGEST_NAME,
    SHORTEST_CALL_S,
    is_name,
)

SHORTEST_LIFE_S = 5
KEYS = ("agent", "name", "subject", "ttl_s", "max_call_s")


def add_routes(app: web.Application, desk: Desk) -> None:
    """Add `/api/v1/webrtc/tokens`; the API's guard stands before it."""

    async def mint(request: web.Request) -> web.Response:
        body = await _object(request)
        agent = _text(body, "agent") or next(iter(desk.agent_names), "")
        if agent not in desk.agent_names:
            raise ApiError(404, "agent.not_found", "there is no agent of this name")
        token, claims = desk.signer.sign(
            agent,
            now_s=time.time(),
            ttl_s=_whole(body, "ttl_s", desk.section.token_ttl_s, SHORTEST_LIFE_S, LONGEST_LIFE_S),
            name=_text(body, "name"),
            subject=_text(body, "subject"),
            max_call_s=_whole(body, "max_call_s", 0, SHORTEST_CALL_S, LONGEST_CALL_S),
        )
        return web.json_response(
            {
                "token": token,
                "agent": claims.agent,
                "name": claims.name,
                "subject": claims.subject,
                "max_call_s": claims.max_call_s or None,
                "expires_at": datetime.fromtimestamp(claims.exp_s, UTC)
                .isoformat()
                .replace("+00:00", "Z"),
            },
            status=201,
        )

    app.router.add_post("/api/v1/webrtc/tokens", mint)


async def _object(request: web.Request) -> dict[str, Any]:
    body = await read_object(request)
    if unknown := sorted(set(body) - set(KEYS)):
        raise _wrong(f"unknown key {unknown[0][:40]!r}; keys are: {', '.join(KEYS)}")
    return body


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key, "")
    if not is_name(value):
        raise _wrong(f"{key} must be a text of up to {LONGEST_NAME} characters")
    return str(value)


def _whole(body: dict[str, Any], key: str, default: int, least: int, most: int) -> int:
    value = body.get(key)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise _wrong(f"{key} must be a whole number from {least} to {most}")
    return value


def _wrong(message: str) -> ApiError:
    return ApiError(400, "http.bad_request", message)
