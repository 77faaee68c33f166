"""Runs asynchronous stand-ins beside a test that is not: an event loop in a thread of its own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

T = TypeVar("T")
BOUND_S = 10.0


@contextmanager
def running(manager: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Enter `manager` on a loop of its own; leave it with the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        entered = asyncio.run_coroutine_threadsafe(manager.__aenter__(), loop).result(BOUND_S)
        try:
            yield entered
        finally:
            leaving = manager.__aexit__(None, None, None)
            asyncio.run_coroutine_threadsafe(_of(leaving), loop).result(BOUND_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _of(awaitable: object) -> object:
    return await awaitable  # type: ignore[misc]
