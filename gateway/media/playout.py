"""The playout queue of one leg: audio pushed ahead, marks in it, and a clear that says where it stopped.

The queue is plain and synchronous. One thread feeds it (`play`, `mark`, `clear`), one media clock
drains it (`next_frame`); a lock that is held for microseconds keeps the two apart.
"""

import threading
from collections import deque
from dataclasses import dataclass

from gateway.model.endpoint import MARKS_LIMIT, PLAYOUT_LIMIT_MS
from gateway.model.frame import BYTES_PER_MS, FRAME_BYTES, SILENCE

LIMIT_BYTES = PLAYOUT_LIMIT_MS * BYTES_PER_MS


@dataclass(frozen=True, slots=True)
class MarkReached:
    """A mark that left the queue."""

    name: str
    played_ms: float
    cleared: bool


class PlayoutQueue:
    """What one leg still has to play.

    Bounded: audio over `PLAYOUT_LIMIT_MS` is dropped, newest first, and counted in `dropped_frames`; a mark over
    `MARKS_LIMIT` comes back cleared at once. Until `release` nothing plays: audio queued before media
    is up waits for it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._chunks: deque[bytes] = deque()
        self._offset = 0
        """Bytes of the first chunk that were played."""
        self._queued = 0
        """Bytes not yet played."""
        self._pushed = 0
        """Bytes accepted since the beginning, less what clears threw away: the position of the queue's end."""
        self._played = 0
        self._marks: deque[tuple[int, str]] = deque()
        self._held = True
        self._dropped_bytes = 0

    @property
    def played_ms(self) -> float:
        """Queued audio played so far, in milliseconds; silence between does not count."""
        return self._played / BYTES_PER_MS

    @property
    def dropped_frames(self) -> int:
        return -(-self._dropped_bytes // FRAME_BYTES)

    @property
    def is_empty(self) -> bool:
        return not self._queued and not self._marks

    def play(self, pcm: bytes) -> None:
        """Append PCM16 mono 16 kHz of any even length."""
        if len(pcm) % 2:
            raise ValueError(f"{len(pcm)} bytes are not whole samples")
        with self._lock:
            room = LIMIT_BYTES - self._queued
            if len(pcm) > room:
                self._dropped_bytes += len(pcm) - room
                pcm = pcm[:room]
            if pcm:
                self._chunks.append(pcm)
                self._queued += len(pcm)
                self._pushed += len(pcm)

    def mark(self, name: str) -> MarkReached | None:
        """Put a mark behind what is queued; returns it at once (cleared) if there are too many."""
        with self._lock:
            if len(self._marks) >= MARKS_LIMIT:
                return MarkReached(name, self.played_ms, cleared=True)
            self._marks.append((self._pushed, name))
            return None

    def release(self) -> None:
        """Media is up: begin to play."""
        self._held = False

    def clear(self) -> tuple[list[MarkReached], float]:
        """Drop everything queued; returns the marks not reached and the position in ms."""
        with self._lock:
            marks = [MarkReached(name, self.played_ms, cleared=True) for _, name in self._marks]
            self._marks.clear()
            self._chunks.clear()
            self._offset = 0
            self._queued = 0
            self._pushed = self._played
            return marks, self.played_ms

    def next_frame(self) -> tuple[bytes | None, list[MarkReached] | None]:
        """Return the 640 bytes of the next 20 ms (None: nothing to play) and the marks reached.

        A mark is reached when the audio before it has been handed out, so a mark at the very beginning comes
        with the first frame. The last frame is filled up with silence.
        """
        if self._held or (not self._queued and not self._marks):
            return None, None
        with self._lock:
            frame = self._take() if self._queued else None
            reached: list[MarkReached] | None = None
            while self._marks and self._marks[0][0] <= self._played:
                position, name = self._marks.popleft()
                reached = reached or []
                reached.append(MarkReached(name, position / BYTES_PER_MS, cleared=False))
            return frame, reached

    def _take(self) -> bytes:
        first = self._chunks[0]
        start = self._offset
        stop = start + FRAME_BYTES
        if stop < len(first):
            self._offset = stop
            self._queued -= FRAME_BYTES
            self._played += FRAME_BYTES
            return first[start:stop]
        parts = [first[start:]]
        have = len(parts[0])
        self._chunks.popleft()
        self._offset = 0
        while have < FRAME_BYTES and self._chunks:
            chunk = self._chunks[0]
            part = chunk[: FRAME_BYTES - have]
            parts.append(part)
            have += len(part)
            if len(part) == len(chunk):
                self._chunks.popleft()
            else:
                self._offset = len(part)
        self._queued -= have
        self._played += have
        if have < FRAME_BYTES:
            parts.append(SILENCE[have:])
        return b"".join(parts)
