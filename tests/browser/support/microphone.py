"""The sound of the fake microphone: a chirp that is different everywhere, so that its places can be found again."""

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

RATE_HZ = 48_000
HEARD_HZ = 16_000
SECONDS = 12
_SEED = 7
_BAND_HZ = (300, 3_400)


@dataclass(frozen=True)
class SpokenWav:
    """The file, and what of it a receiver hears at 16 kHz."""

    path: Path
    heard: np.ndarray
    """float, 16 kHz."""


def spoken_wav(path: Path) -> SpokenWav:
    """Write noise of the telephone's band in syllables: like speech to codecs, unlike itself elsewhere."""
    random = np.random.default_rng(_SEED)
    length = RATE_HZ * SECONDS
    spectrum = np.fft.rfft(random.normal(size=length))
    hz = np.fft.rfftfreq(length, 1 / RATE_HZ)
    spectrum[(hz < _BAND_HZ[0]) | (hz > _BAND_HZ[1])] = 0
    sound = np.fft.irfft(spectrum, length)
    # Syllables four times a second: a suppressor of steady noise would take steady noise away.
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * np.arange(length) / RATE_HZ)
    sound = sound / np.abs(sound).max() * 0.7 * syllables
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        out.writeframes((sound * 32767).astype("<i2").tobytes())
    # The band ends below 8 kHz: every third sample is the same sound at 16 kHz.
    return SpokenWav(path, sound[:: RATE_HZ // HEARD_HZ])


def place_of(piece: np.ndarray, whole: np.ndarray) -> tuple[int, float]:
    """Return where a piece is in the whole (samples), and how well it fits (correlation, 0 … 1)."""
    piece = piece.astype(np.float64)
    whole = whole.astype(np.float64)
    size = 1 << (len(piece) + len(whole)).bit_length()
    product = np.fft.rfft(whole, size) * np.conj(np.fft.rfft(piece, size))
    found = np.fft.irfft(product, size)[: len(whole) - len(piece) + 1]
    squares = np.concatenate([[0.0], np.cumsum(whole**2)])
    energy = squares[len(piece) :] - squares[: -len(piece)]
    fit = found / np.sqrt(np.maximum(energy, 1e-12) * np.sum(piece**2))
    best = int(np.argmax(fit))
    return best, float(fit[best])
