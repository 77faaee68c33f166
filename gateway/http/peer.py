"""Tells who sent a request: the peer of the connection, or whom a trusted reverse proxy names."""

import ipaddress
from collections.abc import Sequence

from aiohttp import web

HOPS_MOST = 16
"""Entries of `X-Forwarded-For` that are looked at."""

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PROXY_HEADERS = ("X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "Via")
"""A request with one of these came through a proxy."""


class Peers:
    """Finds client addresses; `trusted` are networks of our own proxies (CIDR)."""

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        self._trusted: tuple[_Network, ...] = tuple(ipaddress.ip_network(t) for t in trusted)

    def address(self, request: web.BaseRequest) -> str:
        """Return the client's address; empty for a connection that has none (a Unix socket)."""
        return self.client(request.remote or "", request.headers.getall("X-Forwarded-For", []))

    def is_this_machine(self, request: web.BaseRequest) -> bool:
        """Whether a request comes from this machine itself, and not by a proxy on it that we were not told of."""
        if not is_loopback(self.address(request)):
            return False
        is_direct = not any(name in request.headers for name in PROXY_HEADERS)
        return is_direct or self._is_trusted(request.remote or "")

    def host(self, request: web.BaseRequest) -> str:
        """Return the name (and port) by which the client reaches us, as far as it can be believed."""
        forwarded = request.headers.get("X-Forwarded-Host", "")
        if forwarded and self._is_trusted(request.remote or ""):
            return forwarded.rpartition(",")[2].strip()
        return request.headers.get("Host", "")

    def scheme(self, request: web.BaseRequest) -> str:
        """Return `https` or `http` as the client used it, as far as it can be believed."""
        forwarded = request.headers.get("X-Forwarded-Proto", "")
        if forwarded and self._is_trusted(request.remote or ""):
            return forwarded.rpartition(",")[2].strip().lower()
        return request.scheme

    def client(self, peer: str, forwarded_for: Sequence[str]) -> str:
        """Return the nearest address that is not a proxy of ours, walking back from `peer`.

        Each proxy appends whom it was asked by, so only the part behind the last stranger can be
        believed; what a client writes there itself stands before that.
        """
        hops = [hop.strip() for line in forwarded_for for hop in line.split(",")][-HOPS_MOST:]
        found = peer
        while self._is_trusted(found) and hops:
            hop = hops.pop()
            if _parse(hop) is None:
                break
            found = hop
        return found

    def _is_trusted(self, address: str) -> bool:
        ip = _parse(address)
        return ip is not None and any(ip in network for network in self._trusted)


def is_loopback(host: str) -> bool:
    """Whether a host of a URL, or an address, is this machine itself and can be nothing else."""
    ip = _parse(host.strip("[]"))
    return host == "localhost" if ip is None else ip.is_loopback


def _parse(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return ip if mapped is None else mapped
