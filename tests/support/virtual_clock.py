"""An event loop whose clock jumps to the next timer, so that tests of timing take no time."""

import asyncio
from collections.abc import Coroutine
from selectors import SelectorKey
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """Never waits: when nothing is ready its clock moves on. For code without real I/O and threads."""

    def __init__(self, begins_s: float = 1_000.0) -> None:
        self._now_s = begins_s
        super().__init__()
        self._real_select = self._selector.select  # type: ignore[attr-defined]
        self._selector.select = self._select  # type: ignore[attr-defined]

    def time(self) -> float:
        return self._now_s

    def _select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        ready: list[tuple[SelectorKey, int]] = self._real_select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("every task waits and no timer is set: the test would hang")
            self._now_s += max(0.0, timeout)
        return ready


def run_virtual(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run `work` to its end on a `VirtualClockLoop`."""
    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        return runner.run(work)
