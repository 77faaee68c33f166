"""Whisper's log-mel spectrogram in numpy: what recogniser and end-of-turn model listen to.

Defined in openai/whisper `audio.py`: 16 kHz, frames of 400 samples every 160 (periodic Hann window,
centred, reflected at both ends), power spectrum, 80 triangular filters on Slaney's mel scale with
equal area, log10 with a floor of 1e-10, then clamped to 8 (80 dB) below the loudest bin and
scaled.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

RATE_HZ = 16_000
HOP_SAMPLES = 160
"""Samples from one frame to the next: 100 frames a second."""
BANDS = 80

_FFT_SAMPLES = 400
_BINS = _FFT_SAMPLES // 2 + 1
_FLOOR = 1e-10
_RANGE_LOG10 = 8.0

Array = npt.NDArray[np.float32]


def log_mel(samples: Array, frames: int) -> Array:
    """Return the spectrogram, shape (80, `frames`), roughly within -1…1.

    Args:
        samples: mono at 16 kHz in -1…1; zeros are appended (or the end is cut) to fill `frames`.
        frames: how many frames of 10 ms, at least 2.
    """
    wanted = frames * HOP_SAMPLES
    samples = samples[:wanted].astype(np.float32, copy=False)
    half = _FFT_SAMPLES // 2
    # Frames that lie wholly in the appended zeros are known without a transform.
    sounding = min(frames, (len(samples) + half) // HOP_SAMPLES + 1)
    padded = np.zeros(half + wanted + half, dtype=np.float32)
    padded[half : half + len(samples)] = samples
    padded[:half] = padded[2 * half : half : -1]
    padded[half + wanted :] = padded[half + wanted - 2 : wanted - 2 : -1]
    windows = np.lib.stride_tricks.sliding_window_view(padded, _FFT_SAMPLES)
    spectrum = np.fft.rfft(windows[: sounding * HOP_SAMPLES : HOP_SAMPLES] * _hann(), axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    log_power = np.full((BANDS, frames), np.log10(_FLOOR), dtype=np.float32)
    log_power[:, :sounding] = np.log10(np.maximum(mel_filters() @ power.T, _FLOOR))
    np.maximum(log_power, log_power.max() - _RANGE_LOG10, out=log_power)
    return (log_power + 4.0) / 4.0


def unit_variance(samples: Array) -> Array:
    """Return `samples` with zero mean and unit variance (Hugging Face's `do_normalize`)."""
    return np.asarray((samples - samples.mean()) / np.sqrt(samples.var() + 1e-7), dtype=np.float32)


@cache
def mel_filters() -> Array:
    """Return the filter bank, shape (80, 201): triangles from 0 Hz to 8 kHz, each of equal area."""
    edges_hz = _mel_to_hz(np.linspace(0.0, _hz_to_mel(RATE_HZ / 2), BANDS + 2))
    bins_hz = np.linspace(0.0, RATE_HZ / 2, _BINS)
    low, centre, high = (edges_hz[i : i + BANDS, None] for i in range(3))
    rising = (bins_hz - low) / (centre - low)
    falling = (high - bins_hz) / (high - centre)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(triangles * 2.0 / (high - low), dtype=np.float32)


@cache
def _hann() -> Array:
    phase = np.arange(_FFT_SAMPLES) * (2 * np.pi / _FFT_SAMPLES)
    return np.asarray(0.5 - 0.5 * np.cos(phase), dtype=np.float32)


# Slaney's scale (Auditory Toolbox, 1998): linear to 1 kHz (15 mel), then 27 mel per factor 6.4.
_LINEAR_HZ_PER_MEL = 200.0 / 3.0
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _LINEAR_HZ_PER_MEL
_MEL_PER_LOG = 27.0 / np.log(6.4)


def _hz_to_mel(hz: float) -> float:
    if hz < _BREAK_HZ:
        return hz / _LINEAR_HZ_PER_MEL
    return float(_BREAK_MEL + np.log(hz / _BREAK_HZ) * _MEL_PER_LOG)


def _mel_to_hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    above = _BREAK_HZ * np.exp((mel - _BREAK_MEL) / _MEL_PER_LOG)
    return np.where(mel < _BREAK_MEL, mel * _LINEAR_HZ_PER_MEL, above)
