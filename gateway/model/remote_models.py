"""How the models fare that agents ask over the network; for whoever looks at the gateway's health."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable


class ModelState(StrEnum):
    """What came of the newest request."""

    UNASKED = "unasked"
    """There was none yet."""
    UP = "up"
    FAILING = "failing"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelHealth:
    """One URL and model of an agent."""

    host: str
    """Of the URL; the rest of it may hold a key."""
    model: str
    state: ModelState
    answered: int
    failed: int
    """Requests since the agent was made."""


@runtime_checkable
class AsksModels(Protocol):
    """An agent that asks such models."""

    def models(self) -> Sequence[ModelHealth]:
        """Return them in the order in which they are asked; returns at once."""
