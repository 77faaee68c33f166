"""Rebuilds the URL that Twilio called, which its signature covers, behind whatever proxies there are."""

from aiohttp import web

from gateway.http.peer import Peers


class PublicUrl:
    """Knows our address as the world has it: the configured one, else what a trusted proxy tells."""

    def __init__(self, configured: str, peers: Peers) -> None:
        self._configured = configured.rstrip("/")
        self._peers = peers

    def of(self, request: web.BaseRequest) -> str:
        """Return scheme, host, path and query, letter by letter as they were sent."""
        return self._base(request) + _target(request)

    def _base(self, request: web.BaseRequest) -> str:
        if self._configured:
            return self._configured
        return f"{self._peers.scheme(request)}://{self._peers.host(request)}"


def _target(request: web.BaseRequest) -> str:
    """Return path and query of the request line; of the absolute form (RFC 9112 section 3.2.2) too."""
    target = request.raw_path
    if target.startswith("/"):
        return target
    _, _, rest = target.partition("://")
    _, slash, path = rest.partition("/")
    return slash + path
