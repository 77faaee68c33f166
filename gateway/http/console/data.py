"""What the API tells beyond calls and messages, for consoles: live calls, sound, set-up and health."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from aiohttp import web

from gateway.config import Config
from gateway.errors import CallNotFound
from gateway.http.ports import Readiness


class Board(Protocol):
    """The live calls. Methods return at once."""

    def calls(self) -> list[dict[str, Any]]:
        """Return every live call, newest first."""

    def media(self, call_id: str) -> dict[str, Any] | None:
        """Return a call's levels and media reports; None if they are not kept."""


class Vitals(Protocol):
    """Figures of the gateway's parts."""

    def figures(self) -> Mapping[str, Any]:
        """Return them by part; returns at once."""


def add_routes(
    app: web.Application,
    *,
    board: Board,
    readiness: Readiness,
    vitals: Vitals,
    config: Callable[[], Config],
) -> None:
    """Add `/api/v1/live`, `/api/v1/calls/{call_id}/media`, `/api/v1/setup` and `/api/v1/health`."""

    async def live(_request: web.Request) -> web.Response:
        return web.json_response({"calls": board.calls()})

    async def media(request: web.Request) -> web.Response:
        call_id = request.match_info["call_id"]
        found = board.media(call_id)
        if found is None:
            raise CallNotFound(call_id)
        return web.json_response(found)

    async def setup(_request: web.Request) -> web.Response:
        return web.json_response(_setup(config()))

    async def health(_request: web.Request) -> web.Response:
        checks = readiness.checks()
        return web.json_response(
            {
                "ready": all(check.ok for check in checks),
                "checks": [
                    {"name": check.name, "ok": check.ok, "detail": check.detail} for check in checks
                ],
                **vitals.figures(),
            }
        )

    app.router.add_get("/api/v1/live", live)
    app.router.add_get("/api/v1/calls/{call_id}/media", media)
    app.router.add_get("/api/v1/setup", setup)
    app.router.add_get("/api/v1/health", health)


def _setup(config: Config) -> dict[str, Any]:
    """Who answers which number; never a secret, so the fields are named one by one."""
    return {
        "numbers": [{"number": row.number, "agent": row.agent} for row in config.numbers],
        "agents": [
            {
                "name": name,
                "kind": agent.kind,
                "greeting": agent.greeting,
                "early_speech": agent.early_speech.value,
                "barge_in": agent.barge_in,
                "model": getattr(agent, "model", ""),
                "faq": len(getattr(agent, "faq", ())),
            }
            for name, agent in config.agents.items()
        ],
        "sip": {
            "enabled": config.sip.enabled,
            "host": config.sip.host,
            "port": config.sip.port,
            "max_calls": config.sip.max_calls,
            "codecs": [codec.value for codec in config.sip.codecs],
        },
        "webrtc": {"enabled": config.webrtc.enabled, "workers": config.webrtc.workers},
    }
