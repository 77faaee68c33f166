"""The playout queue of one leg: decides what is played on each tick and which marks it passes."""

import struct
import threading
from collections import deque
from dataclasses import dataclass

from gateway.model.endpoint import MARKS_LIMIT, PLAYOUT_LIMIT_MS
from gateway.model.frame import BYTES_PER_MS, FRAME_BYTES, SAMPLE_BYTES, SAMPLES_PER_MS

FADE_MS = 5
"""Length of the ramp that ends audio cut by `clear`, so that the cut does not click."""

_FADE_SAMPLES = FADE_MS * SAMPLES_PER_MS
_FADE_BYTES = _FADE_SAMPLES * SAMPLE_BYTES


@dataclass(frozen=True, slots=True)
class MarkReached:
    """A mark that left the queue."""

    name: str
    played_ms: float
    """Queued audio played before it (or before the clear) since the leg began."""
    cleared: bool
    """True when it came back without having been reached."""


class PlayoutQueue:
    """Audio and marks in the order they were queued; marks are positions between samples.

    One thread queues (`play`, `mark`, `clear`, `hold`, `release`), one thread takes a frame every
    20 ms (`next_frame`); the two may be the same. Each method is safe by itself. Who reports marks
    from both threads must hold `lock` around the call *and* the sending of what it returned:
    otherwise a mark that was reached could be reported after the `Cleared` that followed it.

    Audio counts as played when its frame is handed out, since that is when the packet leaves. A
    queue starts held: it hands out nothing until `release`, so what is queued before the far end
    can hear is kept.
    """

    def __init__(self, *, limit_ms: int = PLAYOUT_LIMIT_MS, marks_limit: int = MARKS_LIMIT) -> None:
        self.lock = threading.RLock()
        self._limit_bytes = limit_ms * BYTES_PER_MS
        self._marks_limit = marks_limit
        self._items: deque[bytes | str] = deque()  # bytes: audio; str: a mark
        self._offset = 0  # bytes already taken from the first item
        self._queued_bytes = 0
        self._played_bytes = 0
        self._dropped_bytes = 0
        self._marks = 0
        self._is_held = True
        self._is_sounding = False  # the frame before ended in queued audio
        self._fade: bytes | None = None

    @property
    def played_ms(self) -> float:
        """Queued audio handed out since the leg began; silence and padding do not count."""
        return self._played_bytes / BYTES_PER_MS

    @property
    def queued_ms(self) -> float:
        """Audio that waits."""
        return self._queued_bytes / BYTES_PER_MS

    @property
    def dropped_frames(self) -> int:
        """Audio that did not fit, in frames of 20 ms, rounded up."""
        return -(-self._dropped_bytes // FRAME_BYTES)

    @property
    def is_empty(self) -> bool:
        """Whether neither audio nor a mark waits."""
        return not self._items

    @property
    def is_held(self) -> bool:
        """Whether playout waits for `release`."""
        return self._is_held

    def hold(self) -> None:
        """Hand out nothing and reach no marks until `release`."""
        with self.lock:
            self._is_held = True

    def release(self) -> None:
        """Begin, or go on, with the next `next_frame`; may be called more than once."""
        with self.lock:
            self._is_held = False

    def play(self, pcm: bytes | bytearray | memoryview) -> int:
        """Append audio (PCM16 mono 16 kHz); returns the bytes dropped because the queue is full.

        What does not fit is dropped from the end of `pcm`. `bytes` are kept without a copy. Raises
        `ValueError` for an odd length.
        """
        chunk = bytes(pcm)
        if len(chunk) % SAMPLE_BYTES:
            raise ValueError(f"{len(chunk)} bytes are not whole 16-bit samples")
        with self.lock:
            room = self._limit_bytes - self._queued_bytes
            excess = max(0, len(chunk) - room)
            if excess:
                chunk = chunk[:room]
                self._dropped_bytes += excess
            if chunk:
                self._items.append(chunk)
                self._queued_bytes += len(chunk)
        return excess

    def mark(self, name: str) -> MarkReached | None:
        """Put a mark after what is queued; with too many in the queue it comes back at once."""
        with self.lock:
            if self._marks >= self._marks_limit:
                return MarkReached(name, self.played_ms, cleared=True)
            self._items.append(name)
            self._marks += 1
            return None

    def clear(self) -> tuple[list[MarkReached], float]:
        """Drop everything that waits; returns the marks not reached, in order, and `played_ms`.

        If audio was sounding, the next frame still carries the first `FADE_MS` of what was dropped,
        faded out. The fade counts as cleared, not as played: who resumes at `played_ms` repeats it.
        """
        with self.lock:
            if self._is_sounding and not self._is_held:
                self._fade = self._faded()
            self._is_sounding = False
            played_ms = self.played_ms
            marks = [
                MarkReached(item, played_ms, cleared=True)
                for item in self._items
                if isinstance(item, str)
            ]
            self._items.clear()
            self._offset = 0
            self._queued_bytes = 0
            self._marks = 0
            return marks, played_ms

    def next_frame(self) -> tuple[bytes | None, list[MarkReached] | None]:
        """Take the next 20 ms (640 bytes; None: silence) and the marks reached with it (None: none).

        A last partial frame is padded with silence only if no audio follows it in the queue. A mark
        is reached with the frame that carries the last sample before it; marks with nothing before
        them are reached by the next call, whether or not there is audio.
        """
        with self.lock:
            if self._fade is not None:
                fade, self._fade = self._fade, None
                return fade, None
            if self._is_held or not self._items:
                self._is_sounding = False
                return None, None
            first = self._items[0]
            start = self._offset
            stop = start + FRAME_BYTES
            # By far the most frequent case, 50 times a second per call: one slice and nothing else.
            if type(first) is bytes and stop < len(first):
                self._offset = stop
                self._queued_bytes -= FRAME_BYTES
                self._played_bytes += FRAME_BYTES
                self._is_sounding = True
                return first[start:stop], None
            return self._assemble()

    def _assemble(self) -> tuple[bytes | None, list[MarkReached] | None]:
        """Build a frame from several items; ends with the marks that lie right behind it."""
        items = self._items
        reached: list[MarkReached] = []
        parts: list[bytes] = []
        missing = FRAME_BYTES
        while items:
            item = items[0]
            if isinstance(item, str):
                reached.append(MarkReached(item, self.played_ms, cleared=False))
                self._marks -= 1
                items.popleft()
                continue
            if not missing:
                break
            part = item[self._offset : self._offset + missing]
            parts.append(part)
            missing -= len(part)
            self._queued_bytes -= len(part)
            self._played_bytes += len(part)
            self._offset += len(part)
            if self._offset == len(item):
                items.popleft()
                self._offset = 0
        self._is_sounding = bool(parts)
        if not parts:
            return None, reached or None
        if missing:
            parts.append(bytes(missing))
        return b"".join(parts), reached or None

    def _faded(self) -> bytes | None:
        """Return a frame with the audio that waits first, ramped down to nothing."""
        head = bytearray()
        offset = self._offset
        for item in self._items:
            if isinstance(item, bytes):
                head += item[offset : offset + _FADE_BYTES - len(head)]
                offset = 0
            if len(head) == _FADE_BYTES:
                break
        if not head:
            return None
        count = len(head) // SAMPLE_BYTES
        layout = f"<{count}h"
        samples = struct.unpack(layout, head)
        ramp = (value * (count - index) // (count + 1) for index, value in enumerate(samples))
        return struct.pack(layout, *ramp).ljust(FRAME_BYTES, b"\0")
