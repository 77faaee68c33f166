"""Compares what was heard on the line with what should have been played."""

from dataclasses import dataclass

import numpy as np

from gateway.media.resample import resample
from gateway.model.frame import RATE_HZ
from tests.interop.gateway.caller import LINE_HZ, Samples


@dataclass(frozen=True)
class Match:
    """Where a sound was found in another one, and how well."""

    correlation: float
    """1 for the same sound at whatever loudness."""
    start_s: float


def to_line(pcm: bytes) -> Samples:
    """Return PCM16 at the gateway's rate as 8 kHz samples."""
    return resample(np.frombuffer(pcm, dtype="<i2"), RATE_HZ, LINE_HZ).astype(np.float64)


def find(sound: Samples, heard: Samples) -> Match:
    """Return the best place of `sound` in `heard`; all of it must be there to correlate well."""
    if len(heard) < len(sound):
        return Match(0.0, 0.0)
    size = 1 << (len(heard) + len(sound)).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(sound, size))
    scores = np.fft.irfft(spectrum, size)[: len(heard) - len(sound) + 1]
    sums = np.concatenate([[0.0], np.cumsum(heard**2)])
    energy = sums[len(sound) :] - sums[: -len(sound)]
    scores = scores / np.sqrt(np.maximum(energy * np.sum(sound**2), 1.0))
    place = int(np.argmax(scores))
    return Match(float(scores[place]), place / LINE_HZ)


def loud_part(sound: Samples) -> Samples:
    """Return a sound without the silence around it."""
    loud = np.flatnonzero(np.abs(sound) > 0.02 * np.abs(sound).max())
    return sound[loud[0] : loud[-1] + 1]


def tone_share(sound: Samples, frequency_hz: float) -> float:
    """Return the share of the sound's energy at one frequency, from 0 to 1 (Goertzel)."""
    step = 2 * np.cos(2 * np.pi * frequency_hz / LINE_HZ)
    before = last = 0.0
    for sample in sound:
        before, last = last, sample + step * last - before
    power = last**2 + before**2 - step * last * before
    total = float(np.sum(sound**2))
    return 2 * power / (len(sound) * total) if total else 0.0
