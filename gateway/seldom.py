"""Keeps the log short where strangers, or a program that is down, decide how often something is to be told."""

import logging
import time
from collections.abc import Callable, Mapping

EVERY_S = 60.0


class Seldom:
    """Writes one line in `every_s`; the others are counted, and told with the next."""

    def __init__(
        self, every_s: float = EVERY_S, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._every_s = every_s
        self._clock = clock
        self._next_s = float("-inf")
        self._left_out = 0

    def log(
        self, logger: logging.Logger, level: int, message: str, facts: Mapping[str, object]
    ) -> None:
        """Write a line as `logger.log` does, if it is time; with `left_out` if some were not written."""
        now_s = self._clock()
        if now_s < self._next_s:
            self._left_out += 1
            return
        self._next_s = now_s + self._every_s
        left_out, self._left_out = self._left_out, 0
        more = {"left_out": left_out} if left_out else {}
        logger.log(level, message, extra={**facts, **more}, stacklevel=2)
