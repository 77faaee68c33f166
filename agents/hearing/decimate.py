"""Halves the sample rate of many callers at once, 16 kHz to 8 kHz, for the voice-activity model."""

import numpy as np
import numpy.typing as npt

from gateway.model.frame import FRAME_SAMPLES

Floats = npt.NDArray[np.float32]


def _half_band(pairs: int) -> Floats:
    """Return the outer taps of a Hann-windowed half-band low-pass (the middle tap is 0.5)."""
    odd = 2 * np.arange(pairs) + 1
    taps = np.sin(np.pi * odd / 2) / (np.pi * odd)
    taps = taps * (0.5 + 0.5 * np.cos(np.pi * odd / (2 * pairs)))
    return np.asarray(taps * (0.25 / taps.sum()), dtype=np.float32)


_PAIRS = 6
_TAPS = _half_band(_PAIRS)
_CARRY = 4 * _PAIRS


class Decimator:
    """Half-band filter with the tail of each ear carried from frame to frame.

    In a half-band filter every second tap but the middle one is zero, so of the two interleaved
    phases one is only delayed and the other sees a short symmetric filter.
    """

    def __init__(self, ears: int) -> None:
        self._tails = np.zeros((ears, _CARRY), dtype=np.float32)

    def reset(self, ear: int) -> None:
        self._tails[ear] = 0

    def halve(self, ears: npt.NDArray[np.int32], pcm: npt.NDArray[np.int16]) -> Floats:
        """Return (n, 160) samples in −1…1 of frames (n, 320)."""
        wide = np.empty((len(ears), _CARRY + FRAME_SAMPLES), dtype=np.float32)
        wide[:, :_CARRY] = self._tails[ears]
        np.multiply(pcm, np.float32(1 / 32_768), out=wide[:, _CARRY:], casting="unsafe")
        self._tails[ears] = wide[:, FRAME_SAMPLES:]
        even, odd = wide[:, 0::2], wide[:, 1::2]
        length = FRAME_SAMPLES // 2
        out = odd[:, _PAIRS - 1 : _PAIRS - 1 + length] * np.float32(0.5)
        for pair, tap in enumerate(_TAPS):
            left = _PAIRS - 1 - pair
            right = _PAIRS + pair
            out += tap * (even[:, left : left + length] + even[:, right : right + length])
        return out
