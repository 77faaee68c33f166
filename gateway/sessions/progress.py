"""Shows how far a long start-up step is: one moving line on a terminal, a few plain lines elsewhere."""

import sys
from typing import TextIO

_WIDTH = 30


class ProgressBar:
    """Call it with `(done, total, text)`; fits `FixedPhrases.render_ahead`."""

    def __init__(self, title: str, stream: TextIO | None = None) -> None:
        self._title = title
        self._stream = sys.stderr if stream is None else stream
        self._is_terminal = self._stream.isatty()
        self._quarter = -1

    def __call__(self, done: int, total: int, _label: str = "") -> None:
        if total <= 0:
            return
        if self._is_terminal:
            filled = _WIDTH * done // total
            bar = "#" * filled + "." * (_WIDTH - filled)
            end = "\n" if done >= total else ""
            self._stream.write(f"\r{self._title} [{bar}] {done}/{total}{end}")
        elif (quarter := 4 * done // total) != self._quarter:
            self._quarter = quarter
            self._stream.write(f"{self._title}: {done} of {total}\n")
        self._stream.flush()
