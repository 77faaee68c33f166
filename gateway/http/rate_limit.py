"""Decides how often one address may ask: token buckets, bounded in number; sans-I/O."""

import ipaddress
import math
from collections import OrderedDict

ADDRESSES_LIMIT = 4096
"""Addresses that are remembered; when full the one that asked longest ago is forgotten."""


class RateLimit:
    """`per_minute` requests of an address, all at once if it likes; times are seconds of any clock."""

    def __init__(self, per_minute: float, *, addresses_limit: int = ADDRESSES_LIMIT) -> None:
        self._burst = max(1.0, float(per_minute))
        self._per_s = per_minute / 60
        self._addresses_limit = addresses_limit
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Address to what was left in its bucket, and when."""

    def __len__(self) -> int:
        return len(self._buckets)

    def ask(self, address: str, now_s: float) -> int:
        """Count a request; returns 0 if it may pass, else after how many seconds to try again."""
        key = network_of(address)
        left, at_s = self._buckets.pop(key, (self._burst, now_s))
        left = min(self._burst, left + max(0.0, now_s - at_s) * self._per_s)
        if passes := left >= 1.0:
            left -= 1.0
        self._buckets[key] = (left, now_s)
        if len(self._buckets) > self._addresses_limit:
            self._buckets.popitem(last=False)
        return 0 if passes else max(1, math.ceil((1.0 - left) / self._per_s))


def network_of(address: str) -> str:
    """Return what counts as one address: an IPv6 host has a whole /64 to choose from (RFC 6177)."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)
