"""The seam between holding a conversation and thinking what to say in it."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from agents.conversation.history import History
from gateway.model.hangup import HangupCause


@dataclass(frozen=True, slots=True, kw_only=True)
class UserTurn:
    """What the caller said, or which keys were pressed, in one turn."""

    text: str
    """The words; for keys the digits."""
    serial: int
    """The line's serial number in the history."""
    is_keys: bool = False
    after_reprompt: bool = False
    """The agent's last words were "are you still there?", so a "yes" answers that."""


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of running text; cut into sentences before it is spoken."""

    text: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """A whole utterance, spoken as it is, so that one rendered ahead is found in the cache."""

    text: str


@dataclass(frozen=True, slots=True)
class ExpectDigits:
    """From now on the caller is likely to speak digits (or no longer is)."""

    expected: bool


@dataclass(frozen=True, slots=True)
class Note:
    """Something for the timeline that is not a spoken line."""

    kind: str
    facts: Mapping[str, float | str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EndCall:
    """End the call once everything said before has been heard."""

    cause: HangupCause = HangupCause.AGENT_HUNG_UP


Thought = Words | Phrase | ExpectDigits | Note | EndCall


class Brain(Protocol):
    """Thinks for one call. Used by one conversation, one reply at a time."""

    def reply(self, turn: UserTurn, history: History) -> AsyncGenerator[Thought, None]:
        """Think of the answer to `turn`, which is in `history` already.

        Closed early (`GeneratorExit`, cancellation) when the caller goes on speaking. Raises a
        `ProviderError` when it cannot answer.
        """
