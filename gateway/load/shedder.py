"""Decides whether further calls are taken, from one look at the machine after the other; sans-I/O.

    OPEN ──high for hot_s──► SHEDDING ──low for rest──► RECOVERING ──not high for rest──► OPEN
                                ▲                           │
                                └────────high for hot_s─────┘   (and the rest doubles)

`rest` is `cool_s`, doubled with each relapse up to `REST_MOST` times, and `cool_s` again after the state was
OPEN for `FORGET` times `cool_s`. While RECOVERING every second call is taken: a flood that waits outside
would else come in all at once and throw us back. Nothing else decides what may follow what.
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.load.pressure import Level

REST_MOST = 8
FORGET = 6


class LoadState(StrEnum):
    """Whether further calls are taken."""

    OPEN = "open"
    SHEDDING = "shedding"
    RECOVERING = "recovering"


class Trigger(StrEnum):
    """What a look can bring about."""

    HOT = "hot"
    COOL = "cool"


TRANSITIONS: dict[tuple[LoadState, Trigger], LoadState] = {
    (LoadState.OPEN, Trigger.HOT): LoadState.SHEDDING,
    (LoadState.SHEDDING, Trigger.COOL): LoadState.RECOVERING,
    (LoadState.RECOVERING, Trigger.HOT): LoadState.SHEDDING,
    (LoadState.RECOVERING, Trigger.COOL): LoadState.OPEN,
}
"""A trigger without a row changes nothing: what sheds already is hot, what is open is cool."""

CALM: dict[LoadState, frozenset[Level]] = {
    LoadState.OPEN: frozenset(),
    LoadState.SHEDDING: frozenset({Level.LOW}),
    LoadState.RECOVERING: frozenset({Level.LOW, Level.MIDDLE}),
}
"""Levels that count towards `COOL` in each state."""


@dataclass(frozen=True, slots=True)
class Change:
    """A state that was left for another."""

    before: LoadState
    after: LoadState


class Shedder:
    """Owned by the gateway; times are seconds of a monotonic clock."""

    def __init__(self, *, hot_s: float, cool_s: float, now_s: float) -> None:
        self._hot_s = hot_s
        self._cool_s = cool_s
        self._state = LoadState.OPEN
        self._entered_s = now_s
        self._hot_since_s: float | None = None
        self._calm_since_s: float | None = None
        self._relapses = 0
        """Times that SHEDDING was entered since the last long peace."""
        self._takes_next = True

    @property
    def state(self) -> LoadState:
        return self._state

    @property
    def rest_s(self) -> float:
        """How long it must be calm before the next step back to normal."""
        return self._cool_s * float(min(2 ** max(0, self._relapses - 1), REST_MOST))

    def look(self, level: Level, now_s: float) -> Change | None:
        """Take in one look at the machine; returns the change of state that it brought about, if any."""
        self._hot_since_s = self._since(self._hot_since_s, level is Level.HIGH, now_s)
        self._calm_since_s = self._since(self._calm_since_s, level in CALM[self._state], now_s)
        if self._state is LoadState.OPEN and now_s - self._entered_s >= FORGET * self._cool_s:
            self._relapses = 0
        if self._hot_since_s is not None and now_s - self._hot_since_s >= self._hot_s:
            return self._apply(Trigger.HOT, now_s)
        if self._calm_since_s is not None and now_s - self._calm_since_s >= self.rest_s:
            return self._apply(Trigger.COOL, now_s)
        return None

    def admits(self) -> bool:
        """Decide about one call; in recovery every second one is taken."""
        if self._state is LoadState.RECOVERING:
            self._takes_next = not self._takes_next
            return not self._takes_next
        return self._state is LoadState.OPEN

    @staticmethod
    def _since(since_s: float | None, holds: bool, now_s: float) -> float | None:
        if not holds:
            return None
        return now_s if since_s is None else since_s

    def _apply(self, trigger: Trigger, now_s: float) -> Change | None:
        after = TRANSITIONS.get((self._state, trigger))
        if after is None:
            return None
        before, self._state = self._state, after
        if after is LoadState.SHEDDING:
            # Bounded, so that the power stays small.
            self._relapses = min(self._relapses + 1, REST_MOST)
        self._entered_s = now_s
        # Time spent in one state does not count in the next.
        self._hot_since_s = self._calm_since_s = None
        self._takes_next = True
        return Change(before, after)
