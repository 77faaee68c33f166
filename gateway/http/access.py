"""The guard before the API: lets a request pass whose bearer token has the scope of its route (RFC 6750)."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.access.scopes import Scope, allows
from gateway.access.token_table import TokenTable
from gateway.access.verifier import Granted, Verifier
from gateway.http.errors import error_response, of_status
from gateway.http.guards import route_of
from gateway.http.peer import Peers
from gateway.http.route_scopes import API_PREFIX, ENDLESS, scope_of
from gateway.rejections import By, rejections

log = logging.getLogger(__name__)

ANSWER_BOUND_S = 10.0
METRICS_PATH = "/metrics"

VERIFIER = web.AppKey("verifier", Verifier)
PEERS = web.AppKey("peers", Peers)
"""On the application, for those who log people in by themselves (a console)."""

GRANTED = web.RequestKey("granted", Granted)
"""On each request of the API that passed: who asks, and what else he may."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """By what somebody asks who does not send a token himself."""

    is_good: Callable[[], bool]
    """Whether it stands yet."""


SIGN_IN = web.RequestKey("sign_in", SignIn)
"""On a request that came with a cookie instead of a token."""


def guard(*, is_metrics_guarded: bool = False) -> Middleware:
    """Return the middleware, for an application with `VERIFIER` and `PEERS`.

    Everything outside the API passes it untouched.
    """

    @web.middleware
    async def guard_request(request: web.Request, handler: Handler) -> web.StreamResponse:
        route = route_of(request)
        if request.path == METRICS_PATH or route == METRICS_PATH:
            if not is_metrics_guarded:
                return await handler(request)
            needed = Scope.METRICS
        # By route as well as by path, so that no way of writing a path leads past the guard.
        elif request.path.startswith(API_PREFIX) or route.startswith(API_PREFIX):
            needed = scope_of(request.method, route)
        else:
            return await handler(request)
        address = request.app[PEERS].address(request)
        verdict = request.app[VERIFIER].verify(bearer(request), address)
        if not isinstance(verdict, Granted):
            if bearer(request):
                rejections.note(address, by=By.HTTP, reason="wrong_token")
            return _unauthorized(verdict.retry_after_s)
        # What is not there is not there for anybody, whatever his token may do.
        if not allows(verdict.scopes, needed) and request.match_info.http_exception is None:
            return _forbidden(verdict, needed)
        request[GRANTED] = verdict
        if (request.method, route) in ENDLESS:
            return await handler(request)
        async with asyncio.timeout(ANSWER_BOUND_S):
            return await handler(request)

    return guard_request


def may_go_on(request: web.Request) -> bool:
    """Whether who asked would be let in now, too; for answers that go on and on. Returns at once.

    His token may have been taken away meanwhile, or have expired, and he may have signed out.
    """
    granted = request.app[VERIFIER].holds(bearer(request))
    needed = scope_of(request.method, route_of(request))
    if granted is None or not allows(granted.scopes, needed):
        return False
    sign_in = request.get(SIGN_IN)
    return sign_in is None or sign_in.is_good()


def bearer(request: web.BaseRequest) -> str:
    """Return the bearer token of a request, empty if there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def keep_use(app: web.Application, table: TokenTable) -> None:
    """Have the times of the tokens' last use written down as long as `app` runs."""

    async def running(_app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(table.run(), name="last use of tokens")
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await asyncio.to_thread(table.write_used)

    app.cleanup_ctx.append(running)


def _unauthorized(retry_after_s: int) -> web.Response:
    if retry_after_s:
        response = error_response(
            429, "http.too_many_guesses", "too many wrong tokens came from this address"
        )
        response.headers["Retry-After"] = str(retry_after_s)
        return response
    response = of_status(401, "a valid bearer token is needed")
    response.headers["WWW-Authenticate"] = 'Bearer realm="offhook"'
    return response


def _forbidden(granted: Granted, needed: Scope) -> web.Response:
    log.info("a token lacks a scope", extra={"token": granted.name, "scope": needed.value})
    response = of_status(403, f"this needs a token with the scope {needed.value}")
    response.headers["WWW-Authenticate"] = (
        f'Bearer realm="offhook", error="insufficient_scope", scope="{needed.value}"'
    )
    return response
