"""The stream of events (`GET /api/v1/events`): server-sent events as the HTML standard has them, section 9.2.

Whoever does not read quickly enough is cut off, and its browser comes back with the last id that it saw. Before
each piece it is looked at whether who watches still may.
"""

import asyncio
import logging

from aiohttp import web

from gateway.console.bus import EventBus, Subscription, TooManyWatchers
from gateway.http.access import may_go_on
from gateway.http.errors import ApiError
from gateway.http.guards import SECURITY_HEADERS

log = logging.getLogger(__name__)

EVENTS_PATH = "/api/v1/events"
QUIET_S = 15.0
"""A `beat` is sent when nothing happens for so long: proxies keep the connection, and watchers know that it stands."""
WRITE_BOUND_S = 5.0
"""How long one client may take to make room in its socket."""
LASTS_S = 3600.0
"""A stream ends after so long, and is opened again."""
RETRY_MS = 2_000
# An event, since browsers tell a page of no comments; without an id, so that it changes nothing.
BEAT = b"event: beat\ndata: {}\n\n"
BUFFER_BYTES = 256 * 1024


def add_routes(app: web.Application, bus: EventBus) -> None:
    """Add the stream; the guard before the API decides who may watch."""

    async def events(request: web.Request) -> web.StreamResponse:
        last_id = request.headers.get("Last-Event-ID", "") or request.query.get("last_event_id", "")
        try:
            watcher = bus.subscribe(last_id[:64])
        except TooManyWatchers:
            raise ApiError(
                503, "events.full", "too many watch already", headers={"Retry-After": "10"}
            ) from None
        try:
            return await _stream(request, watcher)
        finally:
            bus.unsubscribe(watcher)

    async def end_streams(_app: web.Application) -> None:
        bus.close()

    app.router.add_get(EVENTS_PATH, events, allow_head=False)
    app.on_shutdown.append(end_streams)


async def _stream(request: web.Request, watcher: Subscription) -> web.StreamResponse:
    response = web.StreamResponse(headers={**SECURITY_HEADERS, "X-Accel-Buffering": "no"})
    response.content_type = "text/event-stream"
    response.charset = "utf-8"
    await response.prepare(request)
    if request.transport is not None:
        # What does not fit waits in the watcher's queue, where it is bounded and counted.
        request.transport.set_write_buffer_limits(high=BUFFER_BYTES)
    loop = asyncio.get_running_loop()
    ends_s = loop.time() + LASTS_S
    try:
        await _write(response, f"retry: {RETRY_MS}\n\n".encode())
        while loop.time() < ends_s:
            try:
                async with asyncio.timeout(QUIET_S):
                    piece = await watcher.take()
            except TimeoutError:
                piece = BEAT
            if not piece or not may_go_on(request):
                break
            if watcher.missed:
                log.info("a watcher of events was too slow", extra={"missed": watcher.missed})
                break
            await _write(response, piece)
    except (ConnectionError, TimeoutError):
        log.debug("a watcher of events has gone")
    return response


async def _write(response: web.StreamResponse, piece: bytes) -> None:
    async with asyncio.timeout(WRITE_BOUND_S):
        await response.write(piece)
