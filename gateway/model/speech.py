"""Speech that is ready to be played, and the seams of who makes and understands it."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from gateway.model.frame import duration_ms


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word and when it sounds, from the start of its utterance."""

    text: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class Speech:
    """A piece of synthesised or recorded speech."""

    text: str
    """What it says, as it is to stand in the timeline."""
    pcm: bytes
    """PCM16 mono 16 kHz."""
    words: tuple[Word, ...] = ()
    """Word timings in order; empty if unknown (then words are taken to be equally long per letter)."""
    source: str = ""
    """Which voice made it (`joe`, `bundled`, …), for the timeline."""
    by: str = ""
    """Who had it said, if not the agent (`operator`), for the timeline."""

    @property
    def duration_ms(self) -> float:
        return duration_ms(self.pcm)


class Urgency(IntEnum):
    """Order in which speech jobs run when they queue; lower runs first."""

    TURN = 0
    """Somebody waits for the end-of-turn decision or the words of a turn."""
    FIRST_SENTENCE = 1
    """Somebody waits in silence for this audio."""
    NEXT_SENTENCE = 2
    """Audio before it is still playing."""
    AHEAD = 3
    """Nobody waits yet."""


class Voice(Protocol):
    """Makes speech from text."""

    @property
    def name(self) -> str:
        """Names the voice and all its settings that change how it sounds (part of cache keys)."""

    async def speak(self, text: str, urgency: Urgency) -> Speech:
        """Render one sentence or short text. Raises `ProviderUnavailable` or `ProviderRefused`."""
