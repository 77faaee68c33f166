"""One line of the log for each source that was turned away, in a form that fail2ban reads (systemd/fail2ban).

Sources outside `sip.allow` never get so far: the kernel drops their packets. These are the others: who
dials numbers that nobody has, and who guesses tokens.
"""

import ipaddress
import logging
import time
from collections.abc import Callable
from enum import StrEnum

log = logging.getLogger(__name__)

LINES_PER_S = 50
"""More are counted and told with the next line: a flood must not fill the disk."""


class By(StrEnum):
    """Who turned the source away."""

    SIP = "sip"
    HTTP = "http"


class Rejections:
    """Writes the lines, bounded."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._second = -1
        self._written = 0
        self._left_out = 0

    def note(self, source: str, *, by: By, reason: str) -> None:
        """Log an address (a port behind it is left out); what is no address is not logged."""
        address = address_of(source)
        if not address:
            return
        second = int(self._clock())
        if second != self._second:
            self._second, self._written = second, 0
        if self._written >= LINES_PER_S:
            self._left_out += 1
            return
        self._written += 1
        left_out, self._left_out = self._left_out, 0
        more = {"left_out": left_out} if left_out else {}
        # Not static, unlike all others: of a record in the journal fail2ban sees the message only.
        log.warning("source rejected: %s (%s: %s)", address, by.value, reason, extra=more)


def address_of(source: str) -> str:
    """Return the IP address of `address`, `address:port` or `[address]:port`; empty if it is none."""
    text = source.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return ""


rejections = Rejections()
"""The process's own."""
