"""PCM16 bytes to floats and back, at the edge of the local models."""

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
"""Mono audio in -1…1."""

_FULL_SCALE = 32768.0


def to_samples(pcm: bytes) -> Samples:
    """Return PCM16 little-endian as floats; an odd last byte is ignored."""
    whole = np.frombuffer(pcm, dtype="<i2", count=len(pcm) // 2)
    return whole.astype(np.float32) / np.float32(_FULL_SCALE)


def to_pcm(samples: Samples) -> bytes:
    """Return floats as PCM16 little-endian, rounded, clipped at full scale."""
    scaled = np.rint(samples * _FULL_SCALE)
    whole: npt.NDArray[np.int16] = np.clip(scaled, -32768, 32767).astype("<i2")
    return whole.tobytes()


def level_dbfs(samples: Samples) -> float:
    """Return the RMS level; a full-scale square wave is 0 dBFS, silence is -120."""
    if len(samples) == 0:
        return -120.0
    return float(10 * np.log10(max(1e-12, float(np.mean(np.square(samples, dtype=np.float64))))))
