"""What the turn-taker decides: questions to the models, playout commands, and turns."""

from dataclasses import dataclass
from enum import StrEnum


class EndReason(StrEnum):
    """Why a turn was taken to be over."""

    MODEL = "model"
    """The end-of-turn model was sure enough for this length of silence."""
    DIGITS = "digits"
    """Digits were expected and the pause was longer than those between groups of digits."""
    SILENCE = "silence"
    """The longest allowed silence was reached."""
    FALLBACK = "fallback"
    """The end-of-turn model failed; silence alone decided."""
    LIMIT = "limit"
    """The caller spoke longer than one turn may be."""


class DropReason(StrEnum):
    """Why speech was not a turn."""

    NOISE = "noise"
    """Voice activity without words."""
    BACKCHANNEL = "backchannel"
    """A sign of listening, or a lone word, over the agent's speech."""


@dataclass(frozen=True, slots=True)
class Recognise:
    """Have the words of `[start, stop)` (positions at 16 kHz) recognised; answer with `recognised`."""

    ask: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Score:
    """Ask the end-of-turn model about `[start, stop)`; answer with `scored`."""

    ask: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class PausePlayout:
    """Somebody may be interrupting: stop playing, keep the rest."""

    onset_to_decision_ms: float
    """From the first voiced sample over the agent's speech."""


@dataclass(frozen=True, slots=True)
class ResumePlayout:
    """It was a false alarm: play on."""


@dataclass(frozen=True, slots=True)
class InterruptPlayout:
    """The caller took the floor: drop what is queued."""

    reason: str
    """`speech` (for long enough), `words`, `command` or `answer`."""
    onset_to_decision_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnEnded:
    """The caller has finished a turn; its words are known, or recognition failed."""

    text: str
    is_failed: bool
    """Recognition failed; `text` holds what was recognised nevertheless."""
    segments: tuple[tuple[int, int], ...]
    voiced_end_s: float
    """Moment of the last voiced sample, monotonic seconds."""
    decided_s: float
    reason: EndReason
    probability: float | None
    """What the end-of-turn model said at the decision, if it decided."""
    recognition_ms: float
    """From asking for the words until they were there (they are asked for before the decision)."""
    voiced_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnDropped:
    """What was heard is not a turn."""

    reason: DropReason
    text: str
    voiced_ms: float
    interrupted_agent: bool
    """The agent had been interrupted for it, so it owes the caller a word."""


TurnAction = (
    Recognise | Score | PausePlayout | ResumePlayout | InterruptPlayout | TurnEnded | TurnDropped
)
