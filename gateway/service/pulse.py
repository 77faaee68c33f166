"""Decides whether every clock of the gateway still moves; pure: counters and time come as arguments."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(slots=True)
class _Seen:
    """What a clock showed when it was last seen to move."""

    value: float
    at_s: float


class Pulse:
    """Compares counters that only move while their owner does.

    A clock stands still when it has shown the same for `bound_s`. It may jump either way: a worker that
    was started again counts from nought. A clock that is no longer shown is forgotten.
    """

    def __init__(self, bound_s: float) -> None:
        self._bound_s = bound_s
        self._seen: dict[str, _Seen] = {}
        self._last_s: float | None = None

    def beat(self, now_s: float, clocks: Mapping[str, float]) -> tuple[str, ...]:
        """Return the names of the clocks that stand still; empty when all is well."""
        was_away = self._last_s is not None and now_s - self._last_s > self._bound_s / 2
        self._last_s = now_s
        for name in [name for name in self._seen if name not in clocks]:
            del self._seen[name]
        still = []
        for name, value in clocks.items():
            seen = self._seen.get(name)
            # After an absence of our own nobody is blamed: what moved meanwhile was not read yet.
            if seen is None or seen.value != value or was_away:
                self._seen[name] = _Seen(value, now_s)
            elif now_s - seen.at_s >= self._bound_s:
                still.append(name)
        return tuple(still)
