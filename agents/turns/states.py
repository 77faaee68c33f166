"""The states of a caller's turn and of its overlap with the agent's speech; what may follow what."""

from enum import StrEnum


class TurnState(StrEnum):
    """Where the caller's turn stands."""

    IDLE = "idle"
    SPEAKING = "speaking"
    TRAILING = "trailing"
    """Silent, and not yet known whether finished."""
    DECIDED = "decided"
    """Finished; waiting for the words, or for the agent where it may not be interrupted."""


class Overlap(StrEnum):
    """Where speech over the agent's speech stands."""

    CLEAR = "clear"
    SUSPECTED = "suspected"
    PAUSED = "paused"
    CONFIRMED = "confirmed"


MOVES: dict[TurnState, frozenset[TurnState]] = {
    TurnState.IDLE: frozenset({TurnState.SPEAKING, TurnState.TRAILING}),
    TurnState.SPEAKING: frozenset({TurnState.TRAILING, TurnState.DECIDED}),
    TurnState.TRAILING: frozenset({TurnState.SPEAKING, TurnState.DECIDED, TurnState.IDLE}),
    TurnState.DECIDED: frozenset({TurnState.SPEAKING, TurnState.IDLE}),
}
"""The only moves there are; held speech that is over already starts TRAILING."""
