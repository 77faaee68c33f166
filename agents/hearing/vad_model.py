"""Silero voice activity, one batched run for many callers (8 kHz, chunks of 256 samples = 32 ms)."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

CHUNK = 256
_CONTEXT = 32
_RATE_HZ = 8_000

Floats = npt.NDArray[np.float32]


class VadModel:
    """The model and the state of every ear. Used by one thread only."""

    def __init__(self, path: Path, ears: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
        self._state = np.zeros((2, ears, 128), dtype=np.float32)
        self._context = np.zeros((ears, _CONTEXT), dtype=np.float32)
        self._rate = np.array(_RATE_HZ, dtype=np.int64)

    def reset(self, ears: npt.NDArray[np.int32]) -> None:
        """Forget what was heard by these ears."""
        self._state[:, ears] = 0
        self._context[ears] = 0

    def probabilities(self, ears: npt.NDArray[np.int32], chunks: Floats) -> Floats:
        """Return the probability of speech, shape (n,), of chunks (n, 256); each ear at most once."""
        rows = np.concatenate([self._context[ears], chunks], axis=1)
        found, state = self._session.run(
            None, {"input": rows, "state": self._state[:, ears], "sr": self._rate}
        )
        self._state[:, ears] = state
        self._context[ears] = chunks[:, -_CONTEXT:]
        return np.asarray(found, dtype=np.float32).reshape(-1)
