"""How hard the machine is pressed: figures, their limits, and the level they come to; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Signal(StrEnum):
    """What is measured."""

    TICK_LATENESS = "tick_lateness"
    """Nine of ten media ticks were less late, in seconds, over the last look."""
    LOOP_LAG = "loop_lag"
    """Nine of ten turns of the event loop were less late, in seconds."""
    SPEECH_QUEUE = "speech_queue"
    """Turns that wait, for each speech worker that is up."""


class Level(StrEnum):
    """What the figures come to."""

    LOW = "low"
    """All below half of their limits."""
    MIDDLE = "middle"
    """In between: whatever was decided stays."""
    HIGH = "high"
    """At least one has reached its limit."""


LOW_SHARE = 0.5
"""The width of the hysteresis, as a share of each limit."""


@dataclass(frozen=True, slots=True)
class Pressure:
    """One look at the machine: each figure as a share of its limit."""

    shares: Mapping[Signal, float]

    @classmethod
    def of(cls, figures: Mapping[Signal, float], limits: Mapping[Signal, float]) -> "Pressure":
        """Return figures as shares of their limits, in the same units."""
        return cls({signal: max(0.0, figures[signal]) / limits[signal] for signal in figures})

    @property
    def worst(self) -> Signal | None:
        """The signal nearest to its limit, or farthest above; None if nothing is measured."""
        return max(self.shares, key=self.shares.__getitem__, default=None)

    @property
    def level(self) -> Level:
        most = max(self.shares.values(), default=0.0)
        if most >= 1.0:
            return Level.HIGH
        return Level.LOW if most < LOW_SHARE else Level.MIDDLE
