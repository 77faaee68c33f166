"""Asks, off the event loop and bounded, whether something heard is our own greeting coming back."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)

CHECKS_LIMIT = 4
"""Checks that may run at once; one more is not made and the speech is kept."""

CHECK_BOUND_S = 0.5
"""Longest check; when it takes longer the speech is kept."""

EchoJudge = Callable[[bytes, bytes], bool]
"""`judge(played, heard)`: whether `heard` is `played` coming back; both PCM16 mono 16 kHz."""

EchoQuestion = Callable[[bytes, bytes], Awaitable[bool]]
"""The same, awaited; never raises and always answers in bounded time."""


class EchoCheck:
    """An `EchoQuestion` that runs a judge in a thread. When in doubt it is the caller who speaks."""

    def __init__(self, judge: EchoJudge, *, bound_s: float = CHECK_BOUND_S) -> None:
        self._judge = judge
        self._bound_s = bound_s
        self._running = 0

    async def __call__(self, played: bytes, heard: bytes) -> bool:
        if self._running >= CHECKS_LIMIT or not played or not heard:
            return False
        self._running += 1
        check = asyncio.get_running_loop().run_in_executor(None, self._judge, played, heard)
        # Counted until the thread is done, not until we stop waiting: the bound is one on threads.
        check.add_done_callback(self._done)
        try:
            async with asyncio.timeout(self._bound_s):
                return await asyncio.shield(check)
        except TimeoutError:
            logger.warning("echo check too slow", extra={"bound_s": self._bound_s})
        except Exception:
            logger.exception("echo check failed")
        return False

    def _done(self, check: asyncio.Future[bool]) -> None:
        self._running -= 1
        if not check.cancelled():
            check.exception()  # taken; `__call__` has logged it or gave up waiting
