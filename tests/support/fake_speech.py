"""Speech models that understand the fake line's audio, and a voice of a fixed speed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from agents.stt import Transcript
from gateway.errors import GatewayError
from gateway.model.frame import BYTES_PER_MS
from gateway.model.speech import Speech, Urgency

MS_PER_WORD = 300


@dataclass
class FakeEars:
    """Recognises utterance n of a `FakeLine` as `words[n - 1]`; scores by the last utterance heard."""

    words: list[str] = field(default_factory=list)
    recognition_ms: int = 120
    score_ms: int = 45
    scores: dict[int, float] = field(default_factory=dict)
    """Probability that the turn is over after utterance n; 0.9 if not given."""
    failures: list[Exception] = field(default_factory=list)
    """Raised by the next calls of `transcribe`, one each."""
    score_failure: Exception | None = None
    heard: list[str] = field(default_factory=list)
    urgencies: list[Urgency] = field(default_factory=list)

    async def transcribe(self, pcm: bytes, urgency: Urgency = Urgency.TURN) -> Transcript:
        self.urgencies.append(urgency)
        await asyncio.sleep(self.recognition_ms / 1000)
        if self.failures:
            raise self.failures.pop(0)
        numbers = self._numbers(pcm)
        text = " ".join(self.words[n - 1] for n in numbers if n <= len(self.words)).strip()
        self.heard.append(text)
        return Transcript(text)

    async def end_of_turn(self, pcm: bytes) -> float:
        await asyncio.sleep(self.score_ms / 1000)
        if self.score_failure is not None:
            raise self.score_failure
        numbers = self._numbers(pcm)
        return self.scores.get(numbers[-1], 0.9) if numbers else 0.0

    @staticmethod
    def _numbers(pcm: bytes) -> list[int]:
        values = np.frombuffer(pcm, np.int16)
        return sorted(int(value) for value in np.unique(values) if value)


@dataclass
class FakeVoice:
    """Speaks 300 ms per word after `render_ms`."""

    render_ms: int = 100
    failures: list[GatewayError] = field(default_factory=list)
    asked: list[tuple[str, Urgency]] = field(default_factory=list)
    name: str = "fake"

    async def speak(self, text: str, urgency: Urgency) -> Speech:
        self.asked.append((text, urgency))
        await asyncio.sleep(self.render_ms / 1000)
        if self.failures:
            raise self.failures.pop(0)
        pcm = bytes(len(text.split()) * MS_PER_WORD * BYTES_PER_MS)
        return Speech(text=text, pcm=pcm, source="fake")


class FakeEmbedder:
    """Embeds texts as normalised counts of their words, hashed into few dimensions."""

    dimensions = 512

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        rows = np.zeros((len(texts), self.dimensions), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().replace("?", " ").replace(".", " ").split():
                if word not in _STOP_WORDS:
                    row[sum(ord(c) * 31**i for i, c in enumerate(word)) % self.dimensions] += 1
            norm = float(np.linalg.norm(row))
            row /= norm or 1.0
        return rows


_COMMON = "a the is are do you i to of what my your we it this that for at in on"
_STOP_WORDS = frozenset(_COMMON.split())
