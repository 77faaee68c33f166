"""Decides how long an address that sent wrong tokens must wait: doubling, bounded, forgotten in time; sans-I/O.

    wrong tokens of one address   1 … FREE   FREE+1   +2   +3 …
    then nobody new is let in     -          1 s      2 s  4 s … LONGEST_S

What is tried during a wait is not looked at and does not lengthen it. An address that is quiet for
`FORGET_S` begins anew. A success does not clear what went before it: else the holder of a weak token could
guess for a stronger one without end.
"""

import math
from collections import OrderedDict

from gateway.http.rate_limit import network_of

FREE = 5
"""Wrong tokens that cost nothing: people mistype, and programs start before their secret is there."""
LONGEST_S = 300.0
FORGET_S = 900.0
ADDRESSES_LIMIT = 4096
"""Addresses remembered; when full the one that failed longest ago is forgotten."""
KNOWN_LIMIT = 1024
"""Pairs of address and token that were good; when full the one used longest ago is forgotten."""


class LoginThrottle:
    """Counts wrong tokens by address (an IPv6 host counts as its /64). Times are seconds of any clock."""

    def __init__(
        self, *, addresses_limit: int = ADDRESSES_LIMIT, known_limit: int = KNOWN_LIMIT
    ) -> None:
        self._addresses_limit = addresses_limit
        self._known_limit = known_limit
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        """Address → wrong tokens so far, and when the last came."""
        self._known: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._failures)

    def failed(self, address: str, now_s: float) -> int:
        """Count a wrong token; returns the seconds to wait if it came during a wait, else 0."""
        key = network_of(address)
        if wait_s := self._wait_s(key, now_s):
            return wait_s
        count, _ = self._failures.pop(key, (0, 0.0))
        self._failures[key] = (count + 1, now_s)
        if len(self._failures) > self._addresses_limit:
            self._failures.popitem(last=False)
        return 0

    def succeeded(self, address: str, digest: bytes, now_s: float) -> int:
        """Note a right token; returns the seconds to wait if it must not be let in now, else 0."""
        pair = (network_of(address), digest)
        if pair not in self._known:
            if wait_s := self._wait_s(pair[0], now_s):
                return wait_s
            self._known[pair] = None
            if len(self._known) > self._known_limit:
                self._known.popitem(last=False)
        self._known.move_to_end(pair)
        return 0

    def _wait_s(self, key: str, now_s: float) -> int:
        count, at_s = self._failures.get(key, (0, now_s))
        since_s = max(0.0, now_s - at_s)
        if since_s >= FORGET_S:
            self._failures.pop(key, None)
            return 0
        return max(0, math.ceil(lock_s(count) - since_s))


def lock_s(failures: int) -> float:
    """Return how long an address waits after so many wrong tokens, in seconds."""
    if failures <= FREE:
        return 0.0
    # The exponent is bounded: a float overflows at 2**1024.
    return float(min(LONGEST_S, 2.0 ** min(failures - FREE - 1, 30)))
