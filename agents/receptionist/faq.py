"""Finds the FAQ entry that answers a question, by the similarity of sentence embeddings."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from agents.receptionist.heard import Answer
from gateway.config import FaqEntry


class Embedder(Protocol):
    """Makes vectors of texts."""

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return normalised vectors, shape (n, d). Raises `ProviderUnavailable`."""


class FaqIndex:
    """All wordings of all questions as vectors; shared by all calls of one agent."""

    def __init__(
        self,
        entries: Sequence[FaqEntry],
        vectors: npt.NDArray[np.float32],
        threshold: float,
    ) -> None:
        self._answers = [entry.answer for entry in entries for _ in entry.questions]
        self._vectors = vectors
        self._threshold = threshold
        if len(self._answers) != len(vectors):
            raise ValueError(f"{len(self._answers)} questions but {len(vectors)} vectors")

    @classmethod
    async def build(
        cls, entries: Sequence[FaqEntry], embedder: Embedder, threshold: float
    ) -> "FaqIndex":
        """Embed every wording once. Raises `ProviderUnavailable`."""
        questions = [question for entry in entries for question in entry.questions]
        if not questions:
            return cls(entries, np.zeros((0, 1), np.float32), threshold)
        return cls(entries, await embedder.embed(questions), threshold)

    async def find(self, text: str, embedder: Embedder) -> Answer | None:
        """Return the nearest entry, whether or not it counts; between equals the first wins."""
        if not self._answers or not text.strip():
            return None
        vector = (await embedder.embed([text]))[0]
        scores = self._vectors @ vector
        best = int(np.argmax(scores))
        return Answer(self._answers[best], float(scores[best]) - self._threshold)
