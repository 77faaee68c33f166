"""Has a running gateway take up a changed configuration: everything is made ready first, then swapped at once.

Calls that go on keep the agent, the manners and the greeting they began with.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager

from gateway import log as logs
from gateway.config import Config
from gateway.config.changes import Changes, compare
from gateway.errors import GatewayError
from gateway.http.service import ReloadReport
from gateway.model.line import Agent

log = logging.getLogger(__name__)

Prepare = Callable[[Config, Config], Awaitable[Mapping[str, Agent]]]
"""Given the running and the new configuration, makes agents and phrases ready; raises `GatewayError`."""

Swap = Callable[[Config, Mapping[str, Agent]], None]
"""Puts the new ones in place; must not fail."""


class Reload:
    """One per gateway, on the event loop. Reloads come one after the other."""

    def __init__(
        self,
        *,
        read: Callable[[], Config],
        running: Callable[[], Config],
        prepare: Prepare,
        swap: Swap,
        tell: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """`read` reads the file, in a thread; `tell` tells the service manager that a reload goes on."""
        self._read = read
        self._running = running
        self._prepare = prepare
        self._swap = swap
        self._tell = tell
        self._lock = asyncio.Lock()
        self._signalled: asyncio.Task[None] | None = None
        self._is_asked_again = False

    def on_signal(self) -> None:
        """Reload without anybody to tell but the log; while one such goes on, all more are one that follows it."""
        if self._signalled is not None and not self._signalled.done():
            # The file may have been changed after it was read.
            self._is_asked_again = True
        else:
            self._signalled = asyncio.create_task(self._for_signal(), name="reload by signal")

    async def reload(self) -> ReloadReport:
        """Take up the file as it is now. Raises `GatewayError`; then everything is as it was."""
        async with self._lock:
            with self._tell():
                try:
                    changes = await self._apply()
                except GatewayError as error:
                    log.error(
                        "configuration not taken, the running one stays",
                        extra={"reason": str(error)},
                    )
                    raise
        log.info(
            "configuration read again",
            extra={
                "changed": ", ".join(changes.live) or "nothing",
                "needs_restart": ", ".join(changes.restart) or "nothing",
            },
        )
        return ReloadReport(changed=changes.live, needs_restart=changes.restart)

    async def close(self) -> None:
        """Give up a reload by signal; may be called twice."""
        if self._signalled is not None:
            self._signalled.cancel()
            await asyncio.gather(self._signalled, return_exceptions=True)

    async def _for_signal(self) -> None:
        while True:
            self._is_asked_again = False
            try:
                await self.reload()
            except GatewayError as error:
                log.debug("reload by signal failed", extra={"code": error.code})
            except Exception:
                log.exception("a reload failed as it should not")
            if not self._is_asked_again:
                return

    async def _apply(self) -> Changes:
        running = self._running()
        changes = compare(running, await asyncio.to_thread(self._read))
        agents = await self._prepare(running, changes.config)
        self._swap(changes.config, agents)
        logs.set_up(changes.config.gateway)
        return changes
