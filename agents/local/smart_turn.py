"""End of turn: Smart Turn v3 hears from intonation and words how likely the caller finished.

The model (BSD-2, by Daily) takes Whisper's log-mel of the last 8 s and answers with a probability.
"""

from pathlib import Path

import numpy as np
import onnxruntime

from agents.local.log_mel import RATE_HZ, log_mel, unit_variance
from agents.local.onnx import open_session
from agents.local.pcm import Samples

WINDOW_S = 8
_WINDOW_SAMPLES = WINDOW_S * RATE_HZ
_WINDOW_FRAMES = WINDOW_S * 100


class SmartTurn:
    """The end-of-turn model; one thread at a time."""

    def __init__(self, model: Path, threads: int = 1) -> None:
        self._session: onnxruntime.InferenceSession = open_session(model, threads)

    def probability(self, samples: Samples) -> float:
        """Return 0…1 for mono audio at 16 kHz that ends where the caller fell silent.

        Only the last 8 s count; less is padded with zeros in front, as the model was trained.
        """
        window = np.zeros(_WINDOW_SAMPLES, dtype=np.float32)
        last = samples[-_WINDOW_SAMPLES:]
        if len(last):
            window[-len(last) :] = last
        features = log_mel(unit_variance(window), _WINDOW_FRAMES)
        outputs = self._session.run(None, {"input_features": features[None]})
        return float(np.asarray(outputs[0]).ravel()[0])
