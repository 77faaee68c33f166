"""Empties the gateway: no new calls, the running ones to their end or a deadline, then goodbyes."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Protocol

from gateway.http.service import DrainReport
from gateway.sessions.registry import SessionRegistry

log = logging.getLogger(__name__)

SETTLE_S = 5.0
"""How long messages that the ends of calls caused may take to go out; they are on disk all the same."""


class DrainState(StrEnum):
    """It only moves down this list."""

    SERVING = "serving"
    DRAINING = "draining"
    """No new calls; the running ones go on."""
    GOODBYES = "goodbyes"
    """The deadline has come: every caller hears a goodbye."""
    DRAINED = "drained"
    """No calls are left. The process lives on until it is told to stop."""


class Drainable(Protocol):
    """An endpoint."""

    def drain(self) -> None:
        """Refuse new calls; calls that run go on."""


class Drain:
    """One per gateway, on the event loop."""

    def __init__(
        self,
        registry: SessionRegistry,
        *,
        endpoints: Callable[[], Sequence[Drainable]],
        withdraw: Callable[[], None],
        settle: Callable[[float], Awaitable[None]],
        default_s: Callable[[], float],
    ) -> None:
        """`withdraw` takes registrations with trunks back, so that they send calls elsewhere.

        `settle` waits for what the ends of calls caused, for so many seconds at most.
        """
        self._registry = registry
        self._endpoints = endpoints
        self._withdraw = withdraw
        self._settle = settle
        self._default_s = default_s
        self._state = DrainState.SERVING
        self._deadline_s = 0.0
        self._sooner = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def state(self) -> DrainState:
        return self._state

    def report(self) -> DrainReport:
        is_waiting = self._state is DrainState.DRAINING
        return DrainReport(
            state=self._state.value,
            calls=self._registry.statistics().live,
            deadline_in_s=max(0.0, self._deadline_s - time.monotonic()) if is_waiting else 0.0,
        )

    def begin(self, deadline_s: float | None = None) -> None:
        """Begin, with goodbyes after `deadline_s` (default: the configured); called again, the sooner counts."""
        wanted_s = time.monotonic() + (self._default_s() if deadline_s is None else deadline_s)
        if self._state is DrainState.SERVING:
            self._state = DrainState.DRAINING
            self._deadline_s = wanted_s
            self._registry.refuse_new()
            for endpoint in self._endpoints():
                endpoint.drain()
            log.info(
                "draining",
                extra={
                    "calls": self._registry.statistics().live,
                    "deadline_in_s": round(wanted_s - time.monotonic()),
                },
            )
            self._task = asyncio.create_task(self._run(), name="drain")
        elif wanted_s < self._deadline_s:
            self._deadline_s = wanted_s
            self._sooner.set()

    async def wait(self) -> None:
        """Return when no call is left; `begin` was called. Cancelling this does not end the drain."""
        assert self._task is not None, "nothing was begun"
        await asyncio.shield(self._task)

    async def close(self) -> None:
        """Give up waiting; may be called twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            self._withdraw()
        except Exception:
            # A trunk that cannot be told still gets its 503s.
            log.exception("registrations were not withdrawn")
        try:
            await self._empty()
        except Exception:
            log.exception("the drain failed")
        self._state = DrainState.DRAINED
        log.info("drained")

    async def _empty(self) -> None:
        await self._until_idle_or_deadline()
        if left := self._registry.statistics().live:
            self._state = DrainState.GOODBYES
            log.warning("the drain's deadline has come", extra={"calls": left})
        await self._registry.drain(0.0)
        await self._settle(SETTLE_S)

    async def _until_idle_or_deadline(self) -> None:
        while self._registry.statistics().live:
            left_s = self._deadline_s - time.monotonic()
            if left_s <= 0:
                return
            self._sooner.clear()
            idle = asyncio.create_task(self._registry.wait_until_idle(), name="drain: idle")
            sooner = asyncio.create_task(self._sooner.wait(), name="drain: sooner")
            try:
                await asyncio.wait(
                    {idle, sooner}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                for task in (idle, sooner):
                    task.cancel()
