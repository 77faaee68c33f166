"""Sentence embeddings: means of WordLlama's token vectors; close sentences have a high cosine.

The weights (`l2_supercat_256`, MIT) are a table of one 256-wide vector per token of Llama 2's
tokenizer.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file
from tokenizers import Tokenizer

_TABLE = "embedding.weight"
_MOST_TOKENS = 512
"""Further words of a text are ignored."""


class Embedder:
    """The embedding table; one thread at a time."""

    def __init__(self, weights: Path, tokenizer: Path) -> None:
        self._table = load_file(str(weights))[_TABLE].astype(np.float32)
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_MOST_TOKENS)

    @property
    def width(self) -> int:
        return int(self._table.shape[1])

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return a row of length 1 per text, shape (n, width); no tokens give zeros."""
        rows = np.zeros((len(texts), self.width), dtype=np.float32)
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        for row, encoding in zip(rows, encodings, strict=True):
            if not encoding.ids:
                continue
            mean = self._table[encoding.ids].mean(axis=0)
            length = float(np.linalg.norm(mean))
            if length > 0:
                row[:] = mean / length
        return rows
