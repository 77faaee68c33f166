"""What happens to every request around its handler: the one error shape, headers, a line in the log."""

import asyncio
import codecs
import logging
import time

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.errors import GatewayError
from gateway.http.errors import ApiError, error_response, of_gateway_error, of_status

log = logging.getLogger(__name__)

BODY_BOUND_S = 10.0
_CHARSETS = ("utf-8", "ascii", "iso8859-1")

READ_THEMSELVES = frozenset({"/hooks/mail"})
"""Routes whose bodies may be larger; they bound size and time by themselves."""

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


async def put_headers(_request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Put the security headers on an answer that does not set its own."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "offhook"


@web.middleware
async def log_request(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Log method, route and status; never the path, the query or the peer, which may be private."""
    began_s = time.perf_counter()
    response = await handler(request)
    level = logging.INFO if request.method not in ("GET", "HEAD") else logging.DEBUG
    log.log(
        level,
        "http request",
        extra={
            "method": request.method if request.method.isalpha() else "?",
            "route": route_of(request) or "none",
            "status": response.status,
            "took_ms": round((time.perf_counter() - began_s) * 1000, 1),
        },
    )
    return response


@web.middleware
async def shape_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raised into an answer of the one shape."""
    response = await _shaped(request, handler)
    if response.status >= 400 and not response.prepared and request.writer.output_size > 0:
        # A handler failed in the midst of its answer. A second one on this connection would be taken, by a
        # proxy too, for the answer to whatever is asked next.
        log.warning("an answer broke off", extra={"route": route_of(request)})
        if request.transport is not None:
            request.transport.abort()
    return response


async def _shaped(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        response = error_response(error.status, error.code, str(error))
        response.headers.update(error.headers)
        return response
    except GatewayError as error:
        return of_gateway_error(error)
    except TimeoutError:
        return error_response(503, "http.timeout", "the answer took too long")
    except (web.RequestPayloadError, ConnectionError) as error:
        if isinstance(error, ConnectionError) and request.transport is not None:
            return _fault(request)  # another connection's than the client's
        # Cannot be unpacked, or ends in its midst because the client has gone: nothing of ours, and no traceback.
        log.debug("a body could not be read", extra={"reason": type(error).__name__})
        response = of_status(400, "the body cannot be read as its headers say")
        response.force_close()
        return response
    except web.HTTPException as error:
        if error.status < 400:
            raise
        response = of_status(error.status)
        for name in ("Allow", "WWW-Authenticate"):
            if name in error.headers:
                response.headers[name] = error.headers[name]
        return response
    except Exception:
        return _fault(request)


def _fault(request: web.Request) -> web.Response:
    """Tell the log of the fault that is being handled, and nobody else."""
    log.exception("a request failed", extra={"route": route_of(request)})
    return of_status(500)


@web.middleware
async def read_body(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Have the whole body before the handler begins, bounded in time: one that trickles holds nothing up."""
    if request.can_read_body and route_of(request) not in READ_THEMSELVES:
        if not _is_known_charset(request.charset):
            return of_status(400, "the body's charset is not known; send UTF-8")
        try:
            async with asyncio.timeout(BODY_BOUND_S):
                await request.read()
        except TimeoutError:
            response = of_status(408, "the body came too slowly")
            response.force_close()
            return response
    try:
        return await handler(request)
    except UnicodeDecodeError as error:
        if error.object != request._read_bytes:
            raise
        return of_status(400, f"the body is not {error.encoding}")


def _is_known_charset(name: str | None) -> bool:
    """Whether text in a charset may be read: Python knows many more, and some are no text at all."""
    try:
        return name is None or codecs.lookup(name).name in _CHARSETS
    except (LookupError, ValueError):
        return False


def route_of(request: web.Request) -> str:
    """Return the route as it was added (`/api/v1/calls/{call_id}`), empty if none matches."""
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical
