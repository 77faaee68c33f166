"""An event loop for tests whose clock jumps to the next timer, so that waiting costs no time.

Use it for a whole folder by pytest-asyncio's hook in the folder's `conftest.py`:

    def pytest_asyncio_loop_factories():
        return {"virtual": VirtualClockLoop}

or run one coroutine with `run_virtual`. Time stands still while a job runs in an executor, since a
thread knows nothing of virtual time. With nothing to run and nothing to wait for the loop raises
`Deadlock` instead of hanging.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

START_S = 1_000.0
"""Virtual time at which every loop begins; not 0, so that a forgotten offset shows."""
_THREAD_PATIENCE_S = 10.0
"""Real seconds for which an executor's job is waited for."""


class Deadlock(RuntimeError):
    """No task can run and no timer is set: the test would wait for ever."""


class _JumpingSelector(selectors.BaseSelector):
    """Looks at the real file descriptors without waiting, then moves the clock instead."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.now_s = START_S
        self.threads = 0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self.threads:
            ready = self._real.select(_THREAD_PATIENCE_S)
            if not ready:
                raise Deadlock(f"an executor's job took over {_THREAD_PATIENCE_S:g} s")
            return ready
        if timeout is None:
            raise Deadlock("nothing to run and no timer to wait for")
        self.now_s += timeout
        return []


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """An asyncio loop on virtual time; `time()` is in seconds from `START_S`."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        # A timer is due if it lies within this of now; jumps add floats, so nothing finer is exact.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._jumping.now_s

    def run_in_executor(  # type: ignore[override]  # the base is typed as a coroutine-like overload
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        self._jumping.threads += 1
        future: asyncio.Future[T] = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._thread_done)
        return future

    async def shutdown_default_executor(self, *args: Any) -> None:
        # Joins the executor's threads in a thread of its own, past `run_in_executor`.
        self._jumping.threads += 1
        try:
            await super().shutdown_default_executor(*args)
        finally:
            self._jumping.threads -= 1

    def _thread_done(self, _: asyncio.Future[Any]) -> None:
        self._jumping.threads -= 1


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run one coroutine on a fresh virtual loop and return its result."""
    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        return runner.run(main)
