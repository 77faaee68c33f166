"""The greeting gate of text: on first contact every greeting is known before the first message is processed.

Sans-I/O. Each agent that greets holds the gate until its greeting is ready or has failed; the last one to let
go opens it, once.
"""

from dataclasses import dataclass
from enum import StrEnum


class GreetingMode(StrEnum):
    """What becomes of the greeting in writing."""

    LEAD = "lead"
    """It begins the first reply: one message."""
    SEND = "send"
    """It is a message of its own, before the first reply."""
    CONTEXT = "context"
    """It is not sent; it stands in the timeline, for the agent to know."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """What one agent greets with."""

    agent: str
    text: str


class TextGate:
    """One first contact. Agents are greeted for in the order in which they took hold."""

    def __init__(self) -> None:
        self._greetings: dict[str, str | None] = {}
        self._holding: set[str] = set()
        self._is_open = False

    @property
    def is_open(self) -> bool:
        """Whether messages may be processed: opened once, it stays so."""
        return self._is_open

    @property
    def greetings(self) -> tuple[Greeting, ...]:
        """The greetings, without those that failed, are empty, or repeat another's words."""
        found: dict[str, Greeting] = {}
        for agent, text in self._greetings.items():
            if text and text.strip():
                found.setdefault(text.strip(), Greeting(agent, text.strip()))
        return tuple(found.values())

    def hold(self, agent: str) -> None:
        """An agent will greet; after the gate has opened this changes nothing."""
        if not self._is_open:
            self._greetings.setdefault(agent, None)
            self._holding.add(agent)

    def release(self, agent: str, greeting: str | None) -> bool:
        """An agent's greeting is ready (None: it failed); returns whether this opened the gate."""
        if self._is_open or agent not in self._holding:
            return False
        self._greetings[agent] = greeting
        self._holding.discard(agent)
        return self._open_if_free()

    def open(self) -> bool:
        """Open whatever is still held (a deadline); returns whether this opened it."""
        self._holding.clear()
        return not self._is_open and self._open_if_free()

    def _open_if_free(self) -> bool:
        self._is_open = not self._holding
        return self._is_open
