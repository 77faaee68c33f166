"""The agent's place in a call: empty until the gate opens, then one task with one line."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from gateway.model.line import Agent, LineEvent
from gateway.sessions.line import SessionLine
from gateway.sessions.tasks import CallTasks

logger = logging.getLogger(__name__)


class AgentSeat:
    """Owned by one session. What is delivered while the seat is empty is not heard by anybody."""

    def __init__(
        self, agent: Agent, call_id: str, tasks: CallTasks, done: Callable[[str | None], None]
    ) -> None:
        self._agent = agent
        self._call_id = call_id
        self._tasks = tasks
        self._done = done
        self._line: SessionLine | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def is_taken(self) -> bool:
        return self._line is not None

    def take(self, line: SessionLine, first: Iterable[LineEvent]) -> None:
        """Let the agent begin; `done` is told what went wrong with it, or None."""
        self._line = line
        for event in first:
            line.deliver(event)
        self._task = self._tasks.start("agent", self._converse(line))

    def deliver(self, *events: LineEvent) -> None:
        if self._line is not None:
            for event in events:
                self._line.deliver(event)

    def silence(self) -> None:
        """What the agent says from now on is not played."""
        if self._line is not None:
            self._line.stop_talking()

    def dismiss(self) -> None:
        """Cancel the agent's task, if there is one."""
        if self._task is not None:
            self._task.cancel()

    def close(self) -> None:
        """The call is over."""
        if self._line is not None:
            self._line.close()

    async def _converse(self, line: SessionLine) -> None:
        failure: str | None = "its task was cancelled"
        try:
            await self._agent.converse(line)
            failure = None
        except Exception as error:
            logger.exception("agent failed", extra={"call_id": self._call_id})
            failure = f"{type(error).__name__}: {error}"
        finally:
            # Also when it was cancelled, by us (then nobody minds) or by its own doing.
            self._done(failure)
