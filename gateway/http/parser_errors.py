"""Answers what is not HTTP at all, before any route is known, in the same shape as every other error.

aiohttp answers such requests from inside its protocol object, with plain text and a traceback in the log for
every stray packet; the two small classes below are where that can be changed.
"""

import logging

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from gateway.http.errors import of_status

log = logging.getLogger(__name__)


class _Handler(RequestHandler):
    """One connection."""

    __slots__ = ()

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
        response.force_close()
        return response


class _Server(web.Server):
    """Makes a handler for each connection."""

    def __call__(self) -> RequestHandler:
        return _Handler(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """An `AppRunner` whose connections answer nonsense as JSON."""

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(
            made.request_handler,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            loop=made._loop,
            **made._kwargs,
        )
