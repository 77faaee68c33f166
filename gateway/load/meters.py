"""Collects lateness between two looks; bounded, pure."""

from collections import deque

SAMPLES_MOST = 2048
"""Between two looks a worker gives 50 ticks; when full the oldest is forgotten."""
FEWEST = 5
"""Fewer samples say nothing: a worker without calls gives no ticks."""
SHARE = 0.9


class LatenessMeter:
    """Holds how late things were since the last look, in seconds."""

    def __init__(self) -> None:
        self._samples: deque[float] = deque(maxlen=SAMPLES_MOST)

    def add(self, late_s: float) -> None:
        self._samples.append(late_s)

    def take(self) -> float:
        """Return what nine of ten were below, and begin anew; 0 for too few to tell.

        Not the mean, which one long stop moves, nor the worst, which is only that stop.
        """
        values = sorted(self._samples)
        self._samples.clear()
        return values[int(len(values) * SHARE)] if len(values) >= FEWEST else 0.0
