"""Signs people in to the console: a token becomes a cookie that scripts cannot read, and the cookie a token again.

    POST /api/v1/session   Authorization: Bearer <token>   → a cookie
    any request of the API with that cookie                → goes on as if it carried the token
    DELETE /api/v1/session                                 → the cookie is worthless

The guard before the API decides about both: what a token may do, how often one may guess, and that a revoked token
ends its sign-ins. Against other sites' pages (CSRF): the cookie is `SameSite=Strict`, and a request that changes
something must carry a header that no form can send (OWASP, custom request headers).
"""

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from gateway import __version__
from gateway.console.sign_ins import SignIns
from gateway.http import guards
from gateway.http.access import GRANTED, PEERS, SIGN_IN, SignIn, bearer
from gateway.http.errors import ApiError, of_status

API_PREFIX = "/api/"
SESSION_PATH = "/api/v1/session"
COOKIE = "offhook_console"
SECURE_COOKIE = "__Host-offhook_console"
"""Over HTTPS; browsers then refuse it from anybody but this very host (RFC 6265bis, section 4.1.3.2)."""
HEADER = "X-Offhook-Console"
_SAFE = frozenset({"GET", "HEAD"})


class ConsoleSignIn:
    """Routes and middleware of one application."""

    def __init__(self, sign_ins: SignIns, *, mask_pii: bool) -> None:
        self._sign_ins = sign_ins
        self._mask_pii = mask_pii

    def add_to(self, app: web.Application) -> None:
        """Add the routes, and the middleware just before whatever guards the API."""
        before_guard = app.middlewares.index(guards.shape_errors) + 1
        app.middlewares.insert(before_guard, self._carry_token)
        app.router.add_post(SESSION_PATH, self._sign_in)
        app.router.add_get(SESSION_PATH, self._show)
        app.router.add_delete(SESSION_PATH, self._sign_out)

    # Routes -----------------------------------------------------------------------------------------

    async def _sign_in(self, request: web.Request) -> web.Response:
        # The guard let it pass, so the token is good.
        response = web.json_response(self._facts(request))
        is_secure = _is_secure(request)
        response.set_cookie(
            SECURE_COOKIE if is_secure else COOKIE,
            self._sign_ins.sign_in(bearer(request)),
            max_age=int(self._sign_ins.lasts_s),
            path="/",
            secure=is_secure,
            httponly=True,
            samesite="Strict",
        )
        return response

    async def _show(self, request: web.Request) -> web.Response:
        return web.json_response(self._facts(request))

    async def _sign_out(self, request: web.Request) -> web.Response:
        self._forget(request)
        response = web.Response(status=204)
        for name in (COOKIE, SECURE_COOKIE):
            response.del_cookie(
                name, path="/", secure=name == SECURE_COOKIE, httponly=True, samesite="Strict"
            )
        return response

    def _facts(self, request: web.Request) -> dict[str, object]:
        granted = request[GRANTED]
        return {
            "version": __version__,
            "mask_pii": self._mask_pii,
            "token": granted.name,
            "scopes": sorted(scope.value for scope in granted.scopes),
        }

    # Every request ----------------------------------------------------------------------------------

    @web.middleware
    async def _carry_token(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        key = _key(request)
        is_api = request.path.startswith(API_PREFIX)
        if not key or not is_api or hdrs.AUTHORIZATION in request.headers:
            return await handler(request)
        token = self._sign_ins.token(key)
        if token is None:
            return of_status(401, "sign in again")
        if request.method not in _SAFE and not _is_ours(request):
            raise ApiError(403, "http.forbidden", f"a change needs the header {HEADER}")
        if (request.method, request.path) == ("POST", SESSION_PATH):
            # Else a cookie could be made to last for ever by asking for the next one with it.
            return of_status(401, "signing in needs the token itself")
        request[SIGN_IN] = SignIn(lambda: self._sign_ins.token(key) is not None)
        headers = request.headers.copy()
        headers[hdrs.AUTHORIZATION] = f"Bearer {token}"
        response = await handler(request.clone(headers=headers))
        if response.status == 401:
            # The token was taken away: whoever held this cookie is out, and guesses no more.
            self._sign_ins.sign_out(key)
        return response

    def _forget(self, request: web.Request) -> None:
        if key := _key(request):
            self._sign_ins.sign_out(key)


def _key(request: web.Request) -> str:
    return request.cookies.get(SECURE_COOKIE) or request.cookies.get(COOKIE) or ""


def _is_secure(request: web.Request) -> bool:
    """Whether the browser speaks HTTPS, be it with a proxy that we were not told of: then its page's origin says so.

    Whoever lies about that gets a cookie that his browser does not take.
    """
    origin = request.headers.get("Origin", "")
    return request.app[PEERS].scheme(request) == "https" or origin.startswith("https://")


def _is_ours(request: web.Request) -> bool:
    """Whether our own page sent it: by the header, and by what the browser says of its origin (Fetch Metadata)."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    return HEADER in request.headers and site == "same-origin"
