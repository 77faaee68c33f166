"""What the receptionist has understood of a turn, and the small decisions about it that need nothing else."""

from dataclasses import dataclass, field
from enum import StrEnum

from agents.conversation.brain import Thought
from agents.receptionist.intents import Intent
from agents.receptionist.states import State


@dataclass(frozen=True, slots=True)
class Answer:
    """The best entry of the FAQ for what was heard."""

    text: str
    score: float
    """Cosine similarity minus the threshold: not negative if it counts."""


@dataclass(slots=True)
class Message:
    """What has been taken down so far."""

    name: str = ""
    number: str = ""
    text: str = ""


@dataclass(slots=True)
class Heard:
    """One turn of the caller, as far as it was understood."""

    text: str
    digits: str
    intent: Intent | None
    agrees: bool | None
    answer: Answer | None
    words: list[str] = field(default_factory=list)


class Texting(StrEnum):
    """Whether the caller can be sent a text."""

    ASKED = "asked"
    """Somebody carries `TextAnswer` out."""
    NEVER = "never"
    IN_WRITING = "in_writing"
    """The conversation is one in writing: what is said is written anyway."""


@dataclass(frozen=True, slots=True)
class TextAnswer:
    """Send this to the caller as a text, and go on as it turns out."""

    text: str
    sent: tuple[Thought, ...]
    failed: tuple[Thought, ...]


Step = Thought | TextAnswer


def slot_named(words: list[str]) -> State | None:
    """Return which part of the message the caller speaks of."""
    for word in words:
        if word in ("name", "names", "named", "spelled", "called"):
            return State.NAME
        if word in ("number", "numbers", "telephone", "phone", "digits"):
            return State.NUMBER
        if word in ("message", "messages", "text", "massage", "rest"):
            return State.TEXT
    return None
