"""Runs a Piper (VITS) voice and also asks it how long each phoneme lasts.

Published Piper models answer with audio only, but their graph computes whole frames per phoneme on
the way (`/Ceil_output_0`). Serialised protobuf messages merge when concatenated, so a few bytes
appended to the file declare that tensor a second output: word timings become exact to one frame
(256 samples).
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from agents.local.onnx import open_session
from agents.local.pcm import Samples

_DURATIONS = "/Ceil_output_0"
# Field numbers of onnx.proto: ModelProto.graph, GraphProto.output, ValueInfoProto.name.
_GRAPH, _OUTPUT, _NAME = 7, 12, 1


@dataclass(frozen=True, slots=True)
class Utterance:
    """What the model made of a sequence of phoneme ids."""

    samples: Samples
    ends: npt.NDArray[np.int64]
    """Sample index at which each id ends."""


class PiperModel:
    """The acoustic model; one thread at a time."""

    def __init__(self, model: Path, config: Path, threads: int = 1) -> None:
        facts = json.loads(config.read_text(encoding="utf-8"))
        self.rate_hz: int = facts["audio"]["sample_rate"]
        self.id_map: dict[str, list[int]] = facts["phoneme_id_map"]
        tuning = facts["inference"]
        self._scales = np.array(
            [tuning["noise_scale"], tuning["length_scale"], tuning["noise_w"]], dtype=np.float32
        )
        self._session, self.has_durations = _open(model, threads)

    def run(self, ids: tuple[int, ...]) -> Utterance:
        """Synthesise phoneme ids at `rate_hz`."""
        inputs = {
            "input": np.array([ids], dtype=np.int64),
            "input_lengths": np.array([len(ids)], dtype=np.int64),
            "scales": self._scales,
        }
        outputs = self._session.run(None, inputs)
        samples = np.asarray(outputs[0], dtype=np.float32).ravel()
        # Without durations good to about a tenth of a second: phonemes are not equally long.
        weights = outputs[1] if self.has_durations else np.ones(len(ids))
        weights = np.asarray(weights, dtype=np.float64).ravel()
        ends = np.cumsum(weights) * (len(samples) / max(1.0, float(weights.sum())))
        return Utterance(samples, np.rint(ends).astype(np.int64))


def _open(model: Path, threads: int) -> tuple[onnxruntime.InferenceSession, bool]:
    content = model.read_bytes()
    if _DURATIONS.encode() not in content:
        return open_session(model, threads, fixed_shapes=False), False
    content += _field(_GRAPH, _field(_OUTPUT, _field(_NAME, _DURATIONS.encode())))
    return open_session(content, threads, fixed_shapes=False), True


def _field(number: int, content: bytes) -> bytes:
    """Serialise a length-delimited protobuf field shorter than 128 bytes."""
    return bytes([number << 3 | 2, len(content)]) + content
