"""The greeting gate: decides when the agent may hear the caller; opens exactly once, with a reason."""

from dataclasses import dataclass
from enum import StrEnum


class OpenReason(StrEnum):
    """Why a gate opened."""

    GREETING_PLAYED = "greeting_played"
    """The greeting was played out, and its echo had time to die."""
    BARGE_IN = "barge_in"
    """The caller talked over the greeting, and the agent's policy lets that cut it."""
    NO_GREETING = "no_greeting"
    """The agent has none."""
    SYNTHESIS_FAILED = "synthesis_failed"
    """There is one, but no audio of it could be had."""
    INTERRUPTED = "interrupted"
    """The greeting's playout was cleared by something else than the caller."""
    DEADLINE = "deadline"
    """Nobody released it in time."""
    CLOSING = "closing"
    """The call is being closed; the agent does not get the line."""
    HUNG_UP = "hung_up"
    """The call ended first."""
    ENDPOINT_LOST = "endpoint_lost"
    """The process that held the call is gone."""
    CANCELLED = "cancelled"
    """The session was stopped from outside."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The one opening of a gate."""

    at_s: float
    reason: OpenReason


@dataclass(frozen=True, slots=True)
class Hold:
    """One greeter's hold on a gate; worthless once released or once the gate is open."""

    number: int
    holder: str


class GreetingGate:
    """Belongs to one session; sans-I/O, times are passed in (any monotonic clock, seconds).

    Closed from its creation. Each greeter takes a `Hold` and releases it when its greeting was played;
    with the last one the echo tail begins, after which `poll` opens the gate. `open` opens it at once.
    Whatever happens after the opening changes nothing: a late release is ignored, a late hold holds
    nothing.
    """

    def __init__(self, *, echo_tail_s: float) -> None:
        self._echo_tail_s = echo_tail_s
        self._holds: set[Hold] = set()
        self._next_number = 0
        self._deadline_s: float | None = None
        self._tail_end: Opening | None = None
        self._opening: Opening | None = None

    @property
    def opening(self) -> Opening | None:
        """When and why it opened; None while it is closed."""
        return self._opening

    @property
    def is_open(self) -> bool:
        return self._opening is not None

    @property
    def holders(self) -> tuple[str, ...]:
        """Names of those who still hold it, for people."""
        return tuple(hold.holder for hold in sorted(self._holds, key=lambda hold: hold.number))

    @property
    def due_s(self) -> float | None:
        """When `poll` is to be called next; None when nothing is to be waited for."""
        if self._opening is not None:
            return None
        times = [] if self._deadline_s is None else [self._deadline_s]
        if self._tail_end is not None:
            times.append(self._tail_end.at_s)
        return min(times, default=None)

    def hold(self, holder: str) -> Hold:
        """Keep the gate closed until this hold is released; stops an echo tail that is running."""
        hold = Hold(self._next_number, holder)
        self._next_number += 1
        if self._opening is None:
            self._holds.add(hold)
            self._tail_end = None
        return hold

    def release(
        self,
        hold: Hold,
        now: float,
        reason: OpenReason = OpenReason.GREETING_PLAYED,
    ) -> bool:
        """Give up one hold; returns whether it counted (a second release does not).

        The reason of the last release becomes that of the opening. Only what was played has an echo:
        every other reason opens without the tail, at the next `poll`.
        """
        if hold not in self._holds:
            return False
        self._holds.remove(hold)
        if not self._holds:
            tail_s = self._echo_tail_s if reason is OpenReason.GREETING_PLAYED else 0.0
            self._tail_end = Opening(now + tail_s, reason)
        return True

    def set_deadline(self, at_s: float) -> None:
        """Open at `at_s` at the latest; a later deadline than the one set is ignored."""
        if self._deadline_s is None or at_s < self._deadline_s:
            self._deadline_s = at_s

    def poll(self, now: float) -> Opening | None:
        """Open if it is time; returns the opening at the one call that opened it, else None."""
        if self._opening is not None:
            return None
        if self._tail_end is not None and now >= self._tail_end.at_s:
            return self.open(now, self._tail_end.reason)
        if self._deadline_s is not None and now >= self._deadline_s:
            return self.open(now, OpenReason.DEADLINE)
        return None

    def open(self, now: float, reason: OpenReason) -> Opening | None:
        """Open at once, whoever holds it; returns the opening, or None if it was open already."""
        if self._opening is not None:
            return None
        self._opening = Opening(now, reason)
        self._holds.clear()
        self._tail_end = None
        return self._opening
