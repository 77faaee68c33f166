"""Decides where to cut long audio so that no word is cut: at its quietest points."""

import numpy as np

from agents.local.pcm import Samples

_LOOK_SAMPLES = 1_600
"""Length over which quietness is judged: 100 ms at 16 kHz."""


def quiet_cuts(samples: Samples, longest: int) -> list[Samples]:
    """Return `samples` in pieces of at most `longest` samples.

    Each cut is in the middle of the quietest 100 ms of the last 30 % of what a piece may hold.
    """
    pieces: list[Samples] = []
    while len(samples) > longest:
        first = max(_LOOK_SAMPLES, longest * 7 // 10)
        region = samples[first:longest].astype(np.float64)
        power = np.concatenate(([0.0], np.cumsum(region * region)))
        look = min(_LOOK_SAMPLES, len(region))
        sums = power[look:] - power[:-look]
        cut = first + int(np.argmin(sums)) + look // 2
        pieces.append(samples[:cut])
        samples = samples[cut:]
    if len(samples) or not pieces:
        pieces.append(samples)
    return pieces
