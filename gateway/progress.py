"""A progress bar for a person who waits at a terminal; a few log lines for everybody else."""

import logging
import sys
from typing import Self

log = logging.getLogger(__name__)

_WIDTH = 30


class ProgressBar:
    """Draws on standard error if that is a terminal; a context manager that ends the line."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._draws = sys.stderr.isatty()
        self._drawn = False

    def update(self, done: int, total: int, what: str) -> None:
        """Show that `done` of `total` are finished; `what` was the last."""
        if not total:
            return
        if self._draws:
            full = _WIDTH * done // total
            bar = "█" * full + "░" * (_WIDTH - full)
            sys.stderr.write(f"\r{self._title} {bar} {done}/{total} {what[:32]:<32}\x1b[K")
            sys.stderr.flush()
            self._drawn = True
        elif done == total:
            log.info("%s rendered", self._title, extra={"count": total})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn:
            sys.stderr.write("\n")
