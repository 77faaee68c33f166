"""Feeds the service manager's watchdog, but only while the event loop and every worker's clocks move.

The loop needs no counter: this runs on it. A worker that is lost shows its last counters until its
successor is there, so a worker that does not come back is a clock that stands still.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from gateway.service.notify import Notifier
from gateway.service.pulse import Pulse

log = logging.getLogger(__name__)

BEATS = 6
"""Beats in one period of the manager."""
STILL_PART = 0.5
"""A clock may stand still for this part of the period; then the manager hears no more."""
IDLE_BEAT_S = 5.0
"""Without a watchdog: how often the status line is looked at."""


class Watchdog:
    """One per gateway, on the event loop; `run` until it is cancelled."""

    def __init__(
        self,
        notifier: Notifier,
        *,
        clocks: Callable[[], Mapping[str, float]],
        status: Callable[[], str] = lambda: "",
    ) -> None:
        self._notifier = notifier
        self._clocks = clocks
        self._status = status
        self._pulse = Pulse(notifier.watchdog_s * STILL_PART)
        self.still: tuple[str, ...] = ()
        """The clocks that stand still now."""

    async def run(self) -> None:
        """Beat for ever; returns at once when there is no service manager."""
        if not self._notifier.is_on:
            return
        period_s = self._notifier.watchdog_s
        while True:
            if status := self._status():
                self._notifier.status(status)
            if period_s:
                self._beat()
            await asyncio.sleep(min(period_s / BEATS, IDLE_BEAT_S) if period_s else IDLE_BEAT_S)

    def _beat(self) -> None:
        still = self._pulse.beat(time.monotonic(), self._clocks())
        if still and not self.still:
            log.critical(
                "a clock stands still, the watchdog is not fed", extra={"clocks": ", ".join(still)}
            )
        elif self.still and not still:
            log.warning("the clocks move again", extra={"clocks": ", ".join(self.still)})
        self.still = still
        if not still:
            self._notifier.watchdog()
