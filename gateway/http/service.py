"""The API for whoever runs the gateway: empty it of calls, have it read its configuration again."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from aiohttp import web

from gateway.errors import ConfigError
from gateway.http.bodies import read_object
from gateway.http.errors import ApiError

DEADLINE_MOST_S = 86_400.0
RELOAD_BOUND_S = 8.0
"""A reload that renders long greetings goes on after its answer; below the bound of all API calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainReport:
    """How far the gateway is from being empty."""

    state: str
    """`serving`, `draining`, `goodbyes` or `drained`."""
    calls: int
    deadline_in_s: float
    """Until callers hear a goodbye; 0 when nobody waits for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadReport:
    """What came of reading the configuration again."""

    changed: Sequence[str] = ()
    """Keys that took effect."""
    needs_restart: Sequence[str] = ()
    """Keys that are different in the file but take effect at the next start only."""


class Service(Protocol):
    """The gateway, as far as running it is concerned. Methods are for the event loop."""

    def drain(self, deadline_s: float | None) -> DrainReport:
        """Begin to drain, or shorten the drain that goes on."""

    def drain_report(self) -> DrainReport: ...

    async def reload(self) -> ReloadReport:
        """Read the configuration again. Raises `ConfigError` (or another `GatewayError`) and keeps the old."""


def add_routes(app: web.Application, service: Service) -> None:
    """Add `/api/v1/drain` and `/api/v1/reload`; the API's guard stands before them."""

    async def show_drain(_request: web.Request) -> web.Response:
        return web.json_response(_drain(service.drain_report()))

    async def drain(request: web.Request) -> web.Response:
        deadline_s = await _deadline(request)
        return web.json_response(_drain(service.drain(deadline_s)), status=202)

    async def reload(_request: web.Request) -> web.Response:
        # Whoever asked may go away: what was begun is finished all the same.
        task = asyncio.create_task(service.reload(), name="reload")
        task.add_done_callback(_take_exception)
        try:
            async with asyncio.timeout(RELOAD_BOUND_S):
                report = await asyncio.shield(task)
        except TimeoutError:
            return web.json_response({"state": "reloading"}, status=202)
        except ConfigError as error:
            raise ApiError(422, error.code, str(error)) from error
        return web.json_response({"state": "reloaded", **asdict(report)})

    app.router.add_get("/api/v1/drain", show_drain)
    app.router.add_post("/api/v1/drain", drain)
    app.router.add_post("/api/v1/reload", reload)


def _take_exception(task: "asyncio.Task[ReloadReport]") -> None:
    """It was logged by the reload itself, and told to whoever still waited."""
    if not task.cancelled():
        task.exception()


async def _deadline(request: web.Request) -> float | None:
    """Return `deadline_s` of the body, None if it is not given."""
    value = (await read_object(request)).get("deadline_s")
    if value is None:
        return None
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        # False for NaN too; a whole number may be too large to become a float.
        or not 0 <= value <= DEADLINE_MOST_S
    ):
        raise ApiError(
            400,
            "http.bad_request",
            f"deadline_s must be a number of seconds from 0 to {DEADLINE_MOST_S:.0f}",
        )
    return float(value)


def _drain(report: DrainReport) -> dict[str, Any]:
    return {**asdict(report), "deadline_in_s": round(report.deadline_in_s, 1)}
