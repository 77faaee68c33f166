"""What the native library prints becomes records of our log: one clean line each, bounded in number.

PJSIP prints to the standard output, and the packets that it cannot read with it: as they are, so that whoever
may send packets could write whole lines of a log, or act on a terminal. No writer of PJSIP's own is used
instead: its calls would share a queue with what must not be dropped.
"""

import ctypes
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator

log = logging.getLogger(__name__)

LONGEST = 300
"""Characters of a line that are told."""
BURST, PER_S = 20, 0.5
"""So many lines at once, then so many each second; the rest is counted."""
_READ_BYTES = 65_536
_CLOSE_BOUND_S = 1.0
_LINE_BUFFERED = 1
"""_IOLBF of setvbuf(3)."""

_HEAD = re.compile(r"\d\d:\d\d:\d\d\.\d{3}\s+(\S+)\s+[!.]*(.*)")
"""How PJSIP begins what it prints: the time, a file of its own, marks of depth, the text."""
_ADDRESS = re.compile(r"\b(sips?:|tel:)[^@\s<>;,]+", re.IGNORECASE)


class Lines:
    """Turns what is printed into what is told; sans-I/O, times are seconds of any clock."""

    def __init__(self) -> None:
        self._rest = ""
        self._left = float(BURST)
        self._at_s = 0.0
        self.hidden = 0
        """Lines that were too many, since the last that was told."""

    def feed(self, data: bytes, now_s: float) -> Iterator[tuple[str, str, int]]:
        """Yield file, text and how many were left out before, for each line that may be told.

        What does not begin like a line of PJSIP's is the inside of a packet, and left out.
        """
        self._left = min(BURST, self._left + (now_s - self._at_s) * PER_S)
        self._at_s = now_s
        lines = (self._rest + data.decode("utf-8", "replace")).split("\n")
        # A line without an end is kept as far as it would be told.
        self._rest = lines.pop()[: 2 * LONGEST]
        for line in lines:
            found = _HEAD.match(line)
            if found is None:
                continue
            if self._left < 1.0:
                self.hidden += 1
                continue
            self._left -= 1.0
            hidden, self.hidden = self.hidden, 0
            yield found[1][:40], _ADDRESS.sub(r"\1…", found[2].strip())[:LONGEST], hidden


class NativeOutput:
    """Takes the standard output of this process over, until `close`. A thread of its own reads it."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lines = Lines()
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Begin. What is printed faster than it is read is lost: no native thread ever waits for us."""
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        os.dup2(writer, 1)
        os.close(writer)
        _buffer_by_line()
        self._thread = threading.Thread(
            target=self._read, args=(reader,), name="native output", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Tell what is left and give the standard output to the standard error; may be called twice."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        ctypes.CDLL(None).fflush(None)
        os.dup2(2, 1)  # the pipe's last writing end: the thread comes to its end
        thread.join(_CLOSE_BOUND_S)

    def _read(self, reader: int) -> None:
        while data := os.read(reader, _READ_BYTES):
            for module, text, hidden in self._lines.feed(data, self._clock()):
                facts: dict[str, object] = {"native_module": module, "told": text}
                if hidden:
                    facts["left_out"] = hidden
                log.warning("pjsip", extra=facts)
        os.close(reader)


def _buffer_by_line() -> None:
    """Have C's standard output written at each line's end, as it is on a terminal."""
    libc = ctypes.CDLL(None)
    libc.setvbuf(ctypes.c_void_p.in_dll(libc, "stdout"), None, _LINE_BUFFERED, 0)
