"""Server-sent events out of bytes, however they are cut; sans I/O.

WHATWG HTML, section 9.2.6 (interpreting an event stream): lines end in LF, CR LF or CR; `data` lines of
one event are joined by LF; a line that begins with a colon is a comment; an empty line ends the event.
Names of events and ids are not used by chat completions and are skipped.
"""

import re

EVENT_LIMIT = 1_000_000
"""Most bytes of one event (with its line in progress); more means that the peer is broken."""

_LINE_END = re.compile(rb"\r\n|\n|\r")


class SseOverflow(ValueError):
    """An event is longer than `EVENT_LIMIT`."""


class SseParser:
    """Feed bytes, get the data of complete events. Raises `SseOverflow` only."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[str] = []
        self._size = 0
        self._skip_lf = False
        self._is_first = True

    def feed(self, chunk: bytes) -> list[str]:
        """Take bytes; return the data of the events that are complete now, in order."""
        if self._skip_lf and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._skip_lf = False
        # Line by line, not byte by byte: a server may send all of an answer at once.
        *ended, rest = _LINE_END.split(chunk)
        events: list[str] = []
        for piece in ended:
            self._append(piece)
            event = self._end_line()
            if event is not None:
                events.append(event)
        self._append(rest)
        self._skip_lf = self._skip_lf or chunk.endswith(b"\r")
        return events

    def _append(self, piece: bytes) -> None:
        self._line += piece
        if self._size + len(self._line) > EVENT_LIMIT:
            raise SseOverflow(f"an event is longer than {EVENT_LIMIT} bytes")

    def end(self) -> list[str]:
        """Return the last event if the stream ended without the empty line after it."""
        events = [event for event in (self._end_line(), self._end_line()) if event is not None]
        return events

    def _end_line(self) -> str | None:
        line = self._line.decode("utf-8", errors="replace")
        self._line.clear()
        if self._is_first:
            line = line.removeprefix("\ufeff")
            self._is_first = False
        if not line:
            if not self._data:
                return None
            event = "\n".join(self._data)
            self._data.clear()
            self._size = 0
            return event
        name, _, value = line.partition(":")
        if name == "data":
            self._data.append(value.removeprefix(" "))
            self._size += len(line)
        return None
