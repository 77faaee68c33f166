"""Builds the HTTP application and runs it."""

import asyncio
import logging
import os

from aiohttp import web
from prometheus_client import CollectorRegistry

from gateway.access.verifier import Verifier
from gateway.config import HttpSection
from gateway.errors import EndpointError
from gateway.http import access, calls, guards, health
from gateway.http.connection_limits import ConnectionLimits
from gateway.http.parser_errors import Runner
from gateway.http.peer import Peers
from gateway.http.ports import Archive, LiveCalls, Readiness

log = logging.getLogger(__name__)

BODY_MOST = 64 * 1024
HEADER_MOST = 8 * 1024
KEEP_ALIVE_S = 30.0
"""How long a connection may stand without a whole request head, from its beginning or its last answer."""
STOP_S = 2.0


def build_app(
    *,
    token: str | Verifier,
    live: LiveCalls,
    readiness: Readiness,
    archive: Archive,
    registry: CollectorRegistry,
    section: HttpSection | None = None,
) -> web.Application:
    """Return the application; further routes may be added before it runs.

    `token` is what verifies bearers, or the one token that may do everything.
    """
    section = section or HttpSection()
    guard = access.guard(is_metrics_guarded=section.metrics_need_token)
    app = web.Application(
        client_max_size=BODY_MOST,
        # The first is the outermost: what the guard refuses is shaped and logged too.
        middlewares=[guards.log_request, guards.shape_errors, guard, guards.read_body],
    )
    app[access.VERIFIER] = Verifier(token) if isinstance(token, str) else token
    app[access.PEERS] = Peers(section.trusted_proxies)
    app.on_response_prepare.append(guards.put_headers)
    health.add_routes(app, readiness, registry)
    calls.add_routes(app, live, archive)
    return app


class HttpServer:
    """Serves an application at the configured address. Owned by the composition root."""

    def __init__(self, section: HttpSection, app: web.Application) -> None:
        self._section = section
        self._runner = Runner(
            app,
            limits=ConnectionLimits(
                most=section.max_connections,
                most_of_one=section.max_connections_per_address,
                trusted=section.trusted_proxies,
            ),
            access_log=None,
            handle_signals=False,
            max_line_size=HEADER_MOST,
            max_field_size=HEADER_MOST,
            keepalive_timeout=KEEP_ALIVE_S,
            shutdown_timeout=STOP_S,
        )

    async def start(self) -> int:
        """Listen; returns the port. Raises `EndpointError` with the remedy."""
        await self._runner.setup()
        host, port = self._section.host, self._section.port
        site = web.TCPSite(self._runner, host, port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise EndpointError(
                f"cannot listen on http://{host}:{port}: {_words(error)}; "
                "stop what uses that address or set http.host and http.port"
            ) from error
        bound: int = self._runner.addresses[0][1]
        return bound

    async def stop(self) -> None:
        """Stop listening and end open requests, bounded; may be called twice."""
        try:
            async with asyncio.timeout(2 * STOP_S):
                await self._runner.cleanup()
        except TimeoutError:
            # What hangs here must not keep the rest of the gateway from stopping.
            log.warning("http requests did not end in time", extra={"after_s": 2 * STOP_S})


def _words(error: OSError) -> str:
    """The system's own words; asyncio puts a sentence of its own in their place."""
    return os.strerror(error.errno).lower() if error.errno else str(error)
