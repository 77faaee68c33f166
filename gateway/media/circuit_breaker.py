"""Decides whether a provider that has failed may be asked again."""

from dataclasses import dataclass
from enum import StrEnum


class BreakerState(StrEnum):
    """Whether a provider is asked."""

    CLOSED = "closed"
    """It is."""
    OPEN = "open"
    """It is not, for some seconds."""
    HALF_OPEN = "half_open"
    """One request is let through, as a probe."""


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to ask once; give it back by `succeeded`, `failed` or `released`, exactly once."""

    number: int
    is_probe: bool


class CircuitBreaker:
    """Sans-I/O; `now` is any monotonic clock, seconds.

    After `failures` in a row it opens for `open_s`; then one probe decides. A request that was
    cancelled proves nothing: `released` gives a probe back, so that the next request can probe.
    """

    def __init__(self, *, failures: int = 3, open_s: float = 30.0) -> None:
        self._limit = failures
        self._open_s = open_s
        self._failures = 0
        self._open_until_s: float | None = None
        self._probe: Permit | None = None
        self._next_number = 0

    def state(self, now: float) -> BreakerState:
        if self._open_until_s is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self._open_until_s else BreakerState.HALF_OPEN

    def ask(self, now: float) -> Permit | None:
        """Return leave to ask the provider, or None: do not ask it now."""
        state = self.state(now)
        if state is BreakerState.OPEN or (state is BreakerState.HALF_OPEN and self._probe):
            return None
        permit = Permit(self._next_number, is_probe=state is BreakerState.HALF_OPEN)
        self._next_number += 1
        if permit.is_probe:
            self._probe = permit
        return permit

    def succeeded(self, permit: Permit) -> None:
        """It works: close."""
        if self._open_until_s is not None and permit != self._probe:
            return  # asked before it opened; only the probe's word counts now
        self._failures = 0
        self._open_until_s = None
        self._probe = None

    def failed(self, permit: Permit, now: float) -> None:
        """Count a failure; open at the limit, and again after a failed probe."""
        if permit == self._probe:
            self._probe = None
            self._open_until_s = now + self._open_s
        elif self._open_until_s is None:
            self._failures += 1
            if self._failures >= self._limit:
                self._open_until_s = now + self._open_s

    def released(self, permit: Permit) -> None:
        """The request was given up before it was known whether the provider works."""
        if permit == self._probe:
            self._probe = None
