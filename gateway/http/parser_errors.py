"""What happens to a connection before any route is known: too many are turned away, nonsense is answered.

aiohttp answers nonsense from inside its protocol object, with plain text and a traceback in the log for every
stray packet, and takes any number of connections; the two small classes below are where that can be changed.
How long a request head may take is aiohttp's `keepalive_timeout`, which runs from the first moment.
"""

import asyncio
import logging
import socket
from typing import Any, cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from gateway.http.connection_limits import ConnectionLimits
from gateway.http.errors import of_status
from gateway.http.guards import SECURITY_HEADERS

log = logging.getLogger(__name__)


STUCK_MS = 30_000
"""A peer that takes nothing of an answer for so long is cut off (TCP_USER_TIMEOUT, tcp(7))."""

_HEADERS = {**SECURITY_HEADERS, "Server": "offhook"}
_BUSY_BODY = '{"error": {"code": "http.busy", "message": "too many connections"}}'
_BUSY_HEADERS = {
    "Content-Type": "application/json",
    "Content-Length": str(len(_BUSY_BODY)),
    "Retry-After": "5",
    "Connection": "close",
    **_HEADERS,
}
_BUSY = "\r\n".join(
    (
        "HTTP/1.1 503 Service Unavailable",
        *(f"{name}: {value}" for name, value in _BUSY_HEADERS.items()),
        "",
        _BUSY_BODY,
    )
).encode()


class _Handler(RequestHandler):
    """One connection."""

    __slots__ = ("_address", "_limits")

    def __init__(self, limits: ConnectionLimits, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._limits = limits
        self._address: str | None = None
        """Set while the connection is counted."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) and peer else ""
        if not self._limits.opened(address):
            stream = cast(asyncio.Transport, transport)
            stream.write(_BUSY)
            stream.close()
            # The rest of this object stays as if there never was a connection.
            self._force_close = True
            return
        self._address = address
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STUCK_MS)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._address is None:
            return
        self._limits.closed(self._address)
        self._address = None
        super().connection_lost(exc)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        if isinstance(resp, web.HTTPException) and resp.status >= 400:
            # Refused before any middleware (an `Expect` that nobody knows), in words that repeat the request.
            resp = of_status(resp.status)
        return await super().finish_response(request, resp, start_time)

    def log_exception(self, *args: Any, **options: Any) -> None:
        if isinstance(options.get("exc_info"), web.RequestPayloadError):
            # What is left of a body is read away after the answer; anybody can send what cannot be.
            log.debug("the rest of a body could not be read")
            return
        super().log_exception(*args, **options)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  (may quote the peer's bytes)
    ) -> web.StreamResponse:
        if status >= 500:
            log.error("a request failed outside its handler", exc_info=exc)
        else:
            log.debug("a peer does not speak HTTP", extra={"reason": type(exc).__name__})
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is being sent already") from exc
        response = of_status(status)
        response.headers.update(_HEADERS)
        response.force_close()
        return response


class _Server(web.Server):
    """Makes a handler for each connection."""

    limits: ConnectionLimits

    def __call__(self) -> RequestHandler:
        return _Handler(self.limits, self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """An `AppRunner` whose connections are counted, and answer nonsense as JSON."""

    def __init__(self, app: web.Application, *, limits: ConnectionLimits, **options: Any) -> None:
        super().__init__(app, **options)
        self._limits = limits

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        server = _Server(
            made.request_handler,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            loop=made._loop,
            **made._kwargs,
        )
        server.limits = self._limits
        return server
