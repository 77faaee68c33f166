"""Collects the callers' frames of one media tick, and measures how late the tick was; pure.

All calls' frames of a tick travel in one datagram. The bridge gives them one after the other without
saying which is the last, so a tick counts as complete when as many have come as in the tick before;
one that proves incomplete (a call ended) or too small (a call came) is finished by the next tick's
beginning. Frames are copied into rows that are allocated once and used again each tick.
"""

from collections.abc import Callable, Sequence

from gateway.model.frame import FRAME_BYTES, FRAME_MS

TICK_S = FRAME_MS / 1000
_JUMP_S = 0.5
"""A tick so far off the grid means that the clock was set up anew, not that it is late."""

Send = Callable[[float, float, Sequence[int], Sequence[bytearray]], None]
"""Takes the tick's time, its lateness (both seconds), the leg numbers and their frames.

The frames are used again after it returns.
"""


class TickGrid:
    """The ideal 20 ms grid, anchored at the earliest tick seen."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def lateness(self, now_s: float) -> float:
        """Return how many seconds after its ideal moment this tick began; called once a tick."""
        late_s = now_s - self._next_s
        if late_s < 0 or late_s > _JUMP_S:
            self._next_s = now_s
            late_s = 0.0
        self._next_s += TICK_S
        return late_s


class TickBatch:
    """The tick under way. Lives on the media clock's thread."""

    def __init__(self, capacity: int, send: Send) -> None:
        self._rows = [bytearray(FRAME_BYTES) for _ in range(capacity)]
        self._send = send
        self._grid = TickGrid()
        self._legs: list[int] = []
        self._at_s = 0.0
        self._lateness_s = 0.0
        self._total = 0
        self._expected = 0
        self.overflowed = 0
        """Frames dropped because there were more than rows."""
        self.ticks = 0
        self.max_lateness_s = 0.0

    def begin(self, now_s: float) -> None:
        """A tick begins: send what is left of the last one."""
        if self._legs:
            self._flush()
        self._expected = self._total
        self._total = 0
        self._at_s = now_s
        self._lateness_s = late_s = self._grid.lateness(now_s)
        if late_s > self.max_lateness_s:
            self.max_lateness_s = late_s
        self.ticks += 1

    def row(self) -> bytearray | None:
        """Return where to copy the next frame; None (and counted) if all rows are taken."""
        try:
            return self._rows[len(self._legs)]
        except IndexError:
            self.overflowed += 1
            return None

    def commit(self, leg: int) -> None:
        """The frame in the last row given out is there, and is `leg`'s."""
        self._legs.append(leg)
        self._total += 1
        if self._total == self._expected:
            self._flush()

    def _flush(self) -> None:
        legs = self._legs
        self._send(self._at_s, self._lateness_s, legs, self._rows[: len(legs)])
        self._legs = []
