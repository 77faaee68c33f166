"""Makes synthesised speech equally loud, and begin and end where its sound does.

Telephone prompts are customarily levelled near -20 dBFS of active speech with peaks below -3 dBFS
(ITU-T P.56 active level, G.711 overload point +3.14 dBm0), so callers do not reach for the volume.
"""

import numpy as np

from agents.local.pcm import Samples

ACTIVE_DBFS = -20.0
"""RMS of the parts that sound."""
PEAK_DBFS = -3.0

_KNEE = 10 ** (-7.0 / 20)
_LIMIT = 10 ** (PEAK_DBFS / 20)
_BLOCK_MS = 5
_ACTIVE_BELOW_PEAK_DB = 30.0
_SOUND_BELOW_PEAK_DB = 40.0
_LEAD_MS = 10
_TAIL_MS = 40
_FADE_MS = 4


def level(samples: Samples) -> Samples:
    """Return speech at the standard loudness; high peaks are bent to stay under the limit."""
    peak = float(np.abs(samples).max(initial=0.0))
    if peak == 0.0:
        return samples
    active = samples[np.abs(samples) > peak * 10 ** (-_ACTIVE_BELOW_PEAK_DB / 20)]
    rms = float(np.sqrt(np.mean(np.square(active, dtype=np.float64))))
    loud = samples * np.float32(10 ** (ACTIVE_DBFS / 20) / rms)
    size = np.abs(loud)
    room = _LIMIT - _KNEE
    bent = np.sign(loud) * (_KNEE + room * np.tanh((size - _KNEE) / room))
    return np.where(size > _KNEE, bent, loud).astype(np.float32)


def sounding_span(samples: Samples, rate_hz: int) -> tuple[int, int]:
    """Return [start, stop) of what can be heard, 10 ms before to 40 ms after; or (0, 0)."""
    block = rate_hz * _BLOCK_MS // 1000
    blocks = len(samples) // block
    if blocks == 0:
        return 0, 0
    peaks = np.abs(samples[: blocks * block]).reshape(blocks, block).max(axis=1)
    loudest = float(peaks.max())
    if loudest == 0.0:
        return 0, 0
    sounding = np.flatnonzero(peaks > loudest * 10 ** (-_SOUND_BELOW_PEAK_DB / 20))
    start = int(sounding[0]) * block - rate_hz * _LEAD_MS // 1000
    stop = (int(sounding[-1]) + 1) * block + rate_hz * _TAIL_MS // 1000
    return max(0, start), min(len(samples), stop)


def fade_edges(samples: Samples, rate_hz: int) -> Samples:
    """Return a copy whose first and last 4 ms are faded, so that cutting makes no click."""
    length = min(rate_hz * _FADE_MS // 1000, len(samples) // 2)
    faded = samples.copy()
    if length:
        ramp = np.linspace(0.0, 1.0, length, dtype=np.float32)
        faded[:length] *= ramp
        faded[-length:] *= ramp[::-1]
    return faded
