"""What happens to every request around its handler: the token, the one error shape, headers, a line in the log."""

import asyncio
import hmac
import logging
import time

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.errors import GatewayError
from gateway.http.errors import ApiError, error_response, of_gateway_error, of_status

log = logging.getLogger(__name__)

API_PREFIX = "/api/"
API_TIMEOUT_S = 10.0
ENDLESS = frozenset({("GET", "/api/v1/rooms/{room_id}/live")})
"""Routes whose answers go on and on; the bound on the time of an answer is not for them."""

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
            "route": _route(request) or "none",
            "status": response.status,
            "took_ms": round((time.perf_counter() - began_s) * 1000, 1),
        },
    )
    return response


@web.middleware
async def shape_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raised into an answer of the one shape."""
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
    except web.HTTPException as error:
        if error.status < 400:
            raise
        response = of_status(error.status)
        for name in ("Allow", "WWW-Authenticate"):
            if name in error.headers:
                response.headers[name] = error.headers[name]
        return response
    except Exception:
        log.exception("a request failed", extra={"route": _route(request)})
        return of_status(500)


def require_token(token: str) -> Middleware:
    """Return a guard that lets only bearers of `token` reach the API (RFC 6750 section 2.1)."""
    expected = token.encode()

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not _is_api(request):
            return await handler(request)
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        # Compared in constant time: how long it takes tells nothing of how much was right.
        is_right = hmac.compare_digest(given.strip().encode("utf-8", "replace"), expected)
        if scheme.lower() != "bearer" or not is_right:
            response = of_status(401, "a valid bearer token is needed")
            response.headers["WWW-Authenticate"] = 'Bearer realm="offhook"'
            return response
        if (request.method, _route(request)) in ENDLESS:
            return await handler(request)
        async with asyncio.timeout(API_TIMEOUT_S):
            return await handler(request)

    return guard


def _is_api(request: web.Request) -> bool:
    # By route as well as by path, so that no way of writing a path leads past the guard.
    return request.path.startswith(API_PREFIX) or _route(request).startswith(API_PREFIX)


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical
