"""Changes sample rates: 16 to 8 kHz for many callers at once, and any rate for whole clips.

Live audio is resampled by the SIP stack and the browser worker; inside the gateway only voice activity
needs another rate, and clips come from files of any rate.
"""

import math
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
Pcm = npt.NDArray[np.int16]

_FULL_SCALE = 32768.0
LOWEST_HZ, HIGHEST_HZ = 4_000, 192_000
"""Rates that `resample` takes."""


def _half_band() -> Samples:
    """Return one half of the odd taps of a 31-tap half-band low pass, outermost first.

    Kaiser window, beta 5: flat to 3.1 kHz, 50 dB down from 4.9 kHz. The middle tap is 0.5 and all other
    even ones are 0.
    """
    distance = np.arange(-15, 16)
    taps = 0.5 * np.sinc(distance / 2) * np.kaiser(31, 5.0)
    half = taps[0:15:2]
    return np.asarray(half * (0.25 / half.sum()), dtype=np.float32)


class Decimator:
    """Halves the rate of many rows, with the filter's memory kept for each row."""

    HISTORY = 30
    DELAY = 15
    """Delay in samples at the higher rate."""

    def __init__(self, rows: int) -> None:
        self._history = np.zeros((rows, self.HISTORY), dtype=np.int16)
        self._taps = [np.float32(tap) for tap in _half_band() / np.float32(_FULL_SCALE)]
        self._middle = np.float32(0.5 / _FULL_SCALE)

    def reset(self, rows: npt.NDArray[np.int32]) -> None:
        """Forget what came before, for `rows`."""
        self._history[rows] = 0

    def decimate(self, rows: npt.NDArray[np.int32], pcm: Pcm) -> Samples:
        """Return `pcm` (shape (n, m), m even and at least 30) at half its rate, scaled to -1…1.

        `rows` must be distinct; each call continues where the last call for that row ended.
        """
        count = pcm.shape[1] // 2
        joined = np.concatenate([self._history[rows], pcm], axis=1)
        self._history[rows] = joined[:, -self.HISTORY :]
        # In a half-band filter all taps but the middle one fall on every other sample.
        even = joined[:, 0::2].astype(np.float32)
        result = joined[:, 7 * 2 + 1 : 7 * 2 + 1 + 2 * count : 2] * self._middle
        pair = np.empty_like(result)
        for index, tap in enumerate(self._taps):
            mirror = 15 - index
            np.add(even[:, index : index + count], even[:, mirror : mirror + count], out=pair)
            np.multiply(pair, tap, out=pair)
            np.add(result, pair, out=result)
        return result


def _soxr() -> Any:
    """Return the soxr module if it is installed; it is faster and sharper than ours."""
    try:
        return import_module("soxr")
    except ImportError:
        return None


def resample(pcm: Pcm, from_hz: int, to_hz: int) -> Pcm:
    """Return a whole mono clip at another rate, clipped to 16 bits.

    Raises `ValueError` for rates outside 4…192 kHz.
    """
    for rate_hz in (from_hz, to_hz):
        if not LOWEST_HZ <= rate_hz <= HIGHEST_HZ:
            raise ValueError(f"{rate_hz} Hz is not within {LOWEST_HZ}…{HIGHEST_HZ} Hz")
    if from_hz == to_hz or len(pcm) == 0:
        return pcm.astype(np.int16)
    soxr = _soxr()
    if soxr is None:
        return resample_polyphase(pcm, from_hz, to_hz)
    # Floats, because soxr dithers 16-bit output and a clip should render the same each time.
    return _to_pcm(soxr.resample(pcm.astype(np.float32), from_hz, to_hz))


def resample_polyphase(pcm: Pcm, from_hz: int, to_hz: int) -> Pcm:
    """Do what `resample` does with a windowed-sinc filter: Kaiser, 24 zero crossings a side.

    Passes 92 % of the narrower band; images and aliases are 80 dB down.
    """
    common = math.gcd(from_hz, to_hz)
    up, down = to_hz // common, from_hz // common
    crossings, narrow = 24, max(1.0, down / up)
    half = math.ceil(crossings * narrow)
    cutoff = 0.955 / narrow
    length = -(-len(pcm) * up // down)
    padded = np.zeros(len(pcm) + 2 * half + 1, dtype=np.float64)
    padded[half : half + len(pcm)] = pcm
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    offsets = np.arange(-half, half + 1, dtype=np.float64)
    result = np.zeros(length)
    for phase in range(min(up, length)):
        # Outputs phase, phase + up, … all lie equally far between two input samples.
        first, fraction = divmod(phase * down, up)
        distance = offsets - fraction / up
        inside = np.clip(1 - (distance / (half + 1)) ** 2, 0, None)
        taps = cutoff * np.sinc(cutoff * distance) * np.i0(8.0 * np.sqrt(inside)) / np.i0(8.0)
        outputs = len(range(phase, length, up))
        # `dot` would copy the overlapping windows; einsum reads them where they are.
        result[phase::up] = np.einsum(
            "ij,j->i", windows[first : first + down * outputs : down][:outputs], taps / taps.sum()
        )
    return _to_pcm(result)


def _to_pcm(samples: npt.NDArray[np.floating[Any]]) -> Pcm:
    return np.asarray(np.clip(np.rint(samples), -32768, 32767), dtype=np.int16)
