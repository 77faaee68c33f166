"""Decides how many connections may stand, all together and from one address; sans-I/O."""

import ipaddress
from collections import Counter
from collections.abc import Sequence

from gateway.http.peer import is_loopback
from gateway.http.rate_limit import network_of


class ConnectionLimits:
    """Counts open connections. `trusted` are networks of our own proxies (CIDR), which speak for many.

    So does this machine itself, where a proxy often runs: both are held by the limit of all together only.
    """

    def __init__(self, *, most: int, most_of_one: int, trusted: Sequence[str] = ()) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._trusted = tuple(ipaddress.ip_network(item) for item in trusted)
        self._open: Counter[str] = Counter()
        self.refused = 0
        """Connections turned away since the start."""

    def __len__(self) -> int:
        return self._open.total()

    def opened(self, address: str) -> bool:
        """Count a new connection; returns False, and does not count it, if it is one too many."""
        key = network_of(address)
        is_full = len(self) >= self._most
        if is_full or (self._open[key] >= self._most_of_one and not self._speaks_for_many(address)):
            self.refused += 1
            self._forget_if_none(key)
            return False
        self._open[key] += 1
        return True

    def closed(self, address: str) -> None:
        """Count a connection out that `opened` took."""
        key = network_of(address)
        self._open[key] -= 1
        self._forget_if_none(key)

    def _forget_if_none(self, key: str) -> None:
        if self._open[key] <= 0:
            del self._open[key]

    def _speaks_for_many(self, address: str) -> bool:
        if is_loopback(address):
            return True
        try:
            ip = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return True  # a Unix socket has no address: whoever opens it is on this machine
        return any(ip in network for network in self._trusted)
