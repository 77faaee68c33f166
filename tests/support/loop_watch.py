"""Measures how long the callbacks of an event loop keep its thread: what is long holds up every call."""

import asyncio
import gc
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class LoopWatch:
    """`install` once, in a process of its own: it changes asyncio."""

    long_s: float = 0.005
    callbacks: int = 0
    busy_s: float = 0.0
    longest_s: float = 0.0
    """Processor time of the loop's thread in one callback: waiting for the GIL is not counted, blocking on a
    disk is neither, so `longest_wall_s` stands beside it."""
    longest_wall_s: float = 0.0
    longest_collection_s: float = 0.0
    """Of the garbage collector, in whichever thread: all others wait for it. Not counted as any callback's."""
    long: Counter[str] = field(default_factory=Counter)
    """What took longer than `long_s` of processor time, and how often."""

    _collected_s: float = 0.0
    """Within the callback that runs now."""
    _began_s: float = 0.0

    def install(self) -> None:
        """Watch the loop of this thread."""
        watch, loop_thread = self, threading.get_ident()
        run = asyncio.Handle._run

        def watched(handle: asyncio.Handle) -> None:
            wall_s, cpu_s = time.perf_counter(), time.thread_time()
            watch._collected_s = 0.0
            run(handle)
            own_s = time.thread_time() - cpu_s - watch._collected_s
            watch.count(handle, own_s, time.perf_counter() - wall_s)

        def collecting(phase: str, _info: dict[str, int]) -> None:
            if phase == "start":
                watch._began_s = time.thread_time()
                return
            took_s = time.thread_time() - watch._began_s
            watch.longest_collection_s = max(watch.longest_collection_s, took_s)
            if threading.get_ident() == loop_thread:
                watch._collected_s += took_s

        asyncio.Handle._run = watched  # type: ignore[method-assign]
        gc.callbacks.append(collecting)

    def count(self, handle: asyncio.Handle, cpu_s: float, wall_s: float) -> None:
        self.callbacks += 1
        self.busy_s += cpu_s
        self.longest_wall_s = max(self.longest_wall_s, wall_s)
        self.longest_s = max(self.longest_s, cpu_s)
        if cpu_s > self.long_s:
            self.long[_name(handle)] += 1

    def reset(self) -> None:
        self.callbacks, self.busy_s, self.longest_s, self.longest_wall_s = 0, 0.0, 0.0, 0.0
        self.longest_collection_s = 0.0
        self.long.clear()

    def told(self) -> dict[str, Any]:
        """Return the figures, as JSON carries them."""
        return {
            "callbacks": self.callbacks,
            "busy_s": self.busy_s,
            "longest_ms": 1000 * self.longest_s,
            "longest_wall_ms": 1000 * self.longest_wall_s,
            "longest_collection_ms": 1000 * self.longest_collection_s,
            "long": dict(self.long.most_common(10)),
        }


def _name(handle: asyncio.Handle) -> str:
    callback = getattr(handle, "_callback", None)
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, asyncio.Task):
        coroutine = owner.get_coro()
        return str(getattr(coroutine, "__qualname__", coroutine))
    return str(getattr(callback, "__qualname__", callback))
