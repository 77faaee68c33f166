"""The tasks of one session: named, counted, and all gone when the session is over."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

logger = logging.getLogger(__name__)

CANCEL_BOUND_S = 2.0
"""How long cancelled tasks may take to clean up; then they are left and reported."""


class CallTasks:
    """Starts tasks and ends them; on the event loop only."""

    def __init__(self, call_id: str) -> None:
        self._call_id = call_id
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, name: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run `work`, which handles its own errors; what escapes is logged."""
        task = asyncio.create_task(work, name=f"call {self._call_id} {name}")
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def cancel_all(self) -> None:
        """Cancel what runs and wait for it, bounded."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if not tasks:
            return
        _, stuck = await asyncio.wait(tasks, timeout=CANCEL_BOUND_S)
        for task in stuck:
            logger.error(
                "task does not end when cancelled",
                extra={"call_id": self._call_id, "task": task.get_name()},
            )

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error(
                "task of a call failed",
                extra={"call_id": self._call_id, "task": task.get_name()},
                exc_info=error,
            )


def run_each(call_id: str, *steps: Callable[[], None]) -> None:
    """Run every step; a fault in one is logged and does not skip the others. For cleaning up."""
    for step in steps:
        try:
            step()
        except Exception:
            logger.exception("clean-up step failed", extra={"call_id": call_id})
