"""Server-sent events out of bytes, however they are cut; sans I/O.

WHATWG HTML, section 9.2.6 (interpreting an event stream): lines end in LF, CR LF or CR; `data` lines of
one event are joined by LF; a line that begins with a colon is a comment; an empty line ends the event.
Names of events and ids are not used by chat completions and are skipped.
"""

EVENT_LIMIT = 1_000_000
"""Most bytes of one event (with its line in progress); more means that the peer is broken."""


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
        events: list[str] = []
        for byte in chunk:
            if byte == 0x0A and self._skip_lf:
                self._skip_lf = False
                continue
            self._skip_lf = byte == 0x0D
            if byte in (0x0A, 0x0D):
                event = self._end_line()
                if event is not None:
                    events.append(event)
            else:
                self._line.append(byte)
                if self._size + len(self._line) > EVENT_LIMIT:
                    raise SseOverflow(f"an event is longer than {EVENT_LIMIT} bytes")
        return events

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
