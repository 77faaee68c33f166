"""Runs the Silero voice activity model for many callers at once, at 8 kHz.

Model: https://github.com/snakers4/silero-vad (MIT). At 8 kHz it takes 256 new samples after 32 samples
of context, and a state of 2 x 128 numbers. Rows of a batch do not influence one another: results are
bit-identical to those of single runs.
"""

from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from agents.local.onnx import open_session

VAD_RATE_HZ = 8_000
CHUNK = 256
"""New samples of one run, 32 ms."""
CONTEXT = 32
"""Samples of the previous chunk that the model sees again."""
_STATE = 128

Numbers = npt.NDArray[np.int32]
Samples = npt.NDArray[np.float32]


class SpeechScorer(Protocol):
    """Says how likely each chunk is speech. Called by one thread only."""

    def score(self, rows: Numbers, chunks: Samples) -> Samples:
        """Return the probability of speech for the next chunk (shape (n, 256), -1…1) of each row."""

    def reset(self, rows: Numbers) -> None:
        """Forget what was heard by `rows`."""


class SileroVad:
    """The model with the states of all rows in one matrix."""

    def __init__(self, model: Path, rows: int) -> None:
        """Load the model (about 0.1 s); raises what onnxruntime raises for a file that is no model."""
        self._session = open_session(model)
        self._rate = np.array(VAD_RATE_HZ, dtype=np.int64)
        self._state = np.zeros((2, rows, _STATE), dtype=np.float32)
        self._context = np.zeros((rows, CONTEXT), dtype=np.float32)

    def reset(self, rows: Numbers) -> None:
        """Forget what was heard by `rows`."""
        self._state[:, rows] = 0
        self._context[rows] = 0

    def score(self, rows: Numbers, chunks: Samples) -> Samples:
        """Return the probability of speech for the next chunk (shape (n, 256), -1…1) of each row."""
        window = np.empty((len(rows), CONTEXT + CHUNK), dtype=np.float32)
        window[:, :CONTEXT] = self._context[rows]
        window[:, CONTEXT:] = chunks
        given = {"input": window, "state": self._state[:, rows], "sr": self._rate}
        probability, state = self._session.run(None, given)
        self._state[:, rows] = state
        self._context[rows] = window[:, -CONTEXT:]
        return np.asarray(probability, dtype=np.float32)[:, 0]
