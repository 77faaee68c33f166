"""Bounds how fast the keys of one call are taken: each is an event, an entry of the timeline and work for the agent."""

BURST, PER_S = 32.0, 10.0
"""So many keys at once (a card number dialled by a machine), then so many each second; nobody presses faster."""


class KeyLimit:
    """For one call; sans-I/O, times are passed in (any monotonic clock, seconds)."""

    def __init__(self) -> None:
        self._left = BURST
        self._at_s: float | None = None
        self.dropped = 0

    def admits(self, now_s: float) -> bool:
        """Count a key; False for one too many, which is dropped."""
        since_s = 0.0 if self._at_s is None else max(0.0, now_s - self._at_s)
        self._at_s = now_s
        self._left = min(BURST, self._left + since_s * PER_S)
        if self._left < 1.0:
            self.dropped += 1
            return False
        self._left -= 1.0
        return True
