"""Decides which web pages may call (CORS, Fetch standard section 3.2), and whether a request is this machine's own."""

from collections.abc import Mapping, Sequence
from urllib.parse import SplitResult, urlsplit

from gateway.http.peer import PROXY_HEADERS, is_loopback

ALLOW_METHODS = "GET, POST, PATCH, DELETE, OPTIONS"
ALLOW_HEADERS = "authorization, content-type, if-match"
EXPOSE_HEADERS = "location, etag, link, retry-after"
PREFLIGHT_S = 600
"""How long a browser may remember what it was allowed."""


class Origins:
    """Knows the configured origins; our own page's is always allowed."""

    def __init__(self, configured: Sequence[str]) -> None:
        self._configured = frozenset(configured)

    def allows(self, origin: str | None, host: str) -> bool:
        """Whether a page of this origin may call a gateway that it reaches as `host` (name and port).

        No origin means no browser page: nothing that CORS could protect. "null" is a page whose origin
        is hidden (a sandboxed frame, a local file), which anybody can make.
        """
        return origin is None or origin in self._configured or _is_own(origin, host)

    def headers(self, origin: str | None, host: str) -> Mapping[str, str]:
        """Return what every answer carries, refusals too, so that the page can read why."""
        if origin is None or not self.allows(origin, host):
            return {"Vary": "Origin"}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": EXPOSE_HEADERS,
        }


def preflight_headers() -> Mapping[str, str]:
    """Return what the answer to an allowed preflight carries besides."""
    return {
        "Access-Control-Allow-Methods": ALLOW_METHODS,
        "Access-Control-Allow-Headers": ALLOW_HEADERS,
        "Access-Control-Max-Age": str(PREFLIGHT_S),
    }


def is_own_machine(address: str, origin: str | None, host: str, headers: Mapping[str, str]) -> bool:
    """Whether a request comes from a browser on this machine, on a page that this machine serves.

    The address alone does not tell: a reverse proxy here passes on strangers from its own address, and
    a page from anywhere can have its name resolve to 127.0.0.1 (DNS rebinding).
    """
    return (
        is_loopback(address)
        and not any(name in headers for name in PROXY_HEADERS)
        and is_loopback(_hostname(f"//{host}"))
        and (origin is None or is_loopback(_hostname(origin)))
    )


def _is_own(origin: str, host: str) -> bool:
    # By host and port only: behind a proxy that ends TLS we do not know the scheme of our own page.
    parts = _split(origin)
    if parts is None or parts.scheme not in ("http", "https") or not host:
        return False
    default = ":443" if parts.scheme == "https" else ":80"
    given = host.lower()
    return parts.netloc.lower().removesuffix(default) == given.removesuffix(default)


def _hostname(url: str) -> str:
    parts = _split(url)
    return "" if parts is None else parts.hostname or ""


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for what is not a port
    except ValueError:
        return None
    return parts
