"""Keeps the service manager informed through the gateway's life: ready, reloading, stopping, and the watchdog."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.app.clocks import clocks_of
from gateway.app.drain import SETTLE_S
from gateway.app.gateway import Gateway
from gateway.link.supervisor import STOP_CALLS_S, STOP_LINK_S, STOP_TERM_S
from gateway.service.notify import Notifier
from gateway.service.watchdog import Watchdog
from gateway.sessions.registry import GOODBYE_BOUND_S

STOP_S = 15.0
"""For everything of the end that has no bound of its own: models, store, HTTP."""
AFTER_DEADLINE_S = GOODBYE_BOUND_S + SETTLE_S + STOP_CALLS_S + STOP_LINK_S + STOP_TERM_S + STOP_S
"""Longest time from a drain's deadline to the end of the process."""


class ServiceManager:
    """systemd, or whoever gave us a socket; without one nothing happens. On the event loop."""

    def __init__(self, notifier: Notifier, gateway: Gateway) -> None:
        self._notifier = notifier
        self._gateway = gateway
        self._watchdog = Watchdog(
            notifier,
            clocks=lambda: clocks_of(gateway.sip, gateway.browser),
            status=self._status,
        )
        self._beating: asyncio.Task[None] | None = None
        self._is_stopping = False

    def starting(self) -> None:
        self._notifier.status("starting: loading models, preparing greetings")

    def ready(self) -> None:
        """Calls are answered; from now on the watchdog is fed."""
        self._notifier.ready()
        self._beating = asyncio.create_task(self._watchdog.run(), name="watchdog")

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """The configuration is read again within this."""
        if self._is_stopping:
            yield
            return
        self._notifier.reloading()
        try:
            yield
        finally:
            self._notifier.ready()

    def stopping(self, drain_s: float) -> None:
        """The end has begun; it takes so long, and its bounds, at most."""
        self._is_stopping = True
        self._notifier.stopping()
        self._notifier.extend(drain_s + AFTER_DEADLINE_S)

    async def close(self) -> None:
        """The watchdog is not fed any more; may be called twice."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        self._notifier.close()

    def _status(self) -> str:
        if self._watchdog.still:
            return f"stands still: {', '.join(self._watchdog.still)}"
        report = self._gateway.draining.report()
        text = f"{report.state}, {report.calls} calls"
        return f"{text}, goodbyes in {report.deadline_in_s:.0f} s" if report.deadline_in_s else text
