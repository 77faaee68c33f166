"""Voice activity without a model (loud is speech), ticks to feed it, and sound like speech."""

import threading

import numpy as np

from gateway.media.tick import AudioTick
from gateway.model.frame import FRAME_SAMPLES


class LoudIsSpeech:
    """A `SpeechScorer`; probability 1 for chunks above 0.1 of full scale, else 0."""

    def __init__(self):
        self.resets = []
        self.batches = []
        self.fails = False
        self.gate = None
        self.entered = threading.Event()

    def score(self, rows, chunks):
        self.entered.set()
        if self.gate is not None:
            self.gate.wait(5)
        if self.fails:
            raise RuntimeError("the model broke")
        self.batches.append(rows.tolist())
        return (np.abs(chunks).max(axis=1) > 0.1).astype(np.float32)

    def reset(self, rows):
        self.resets.append(rows.tolist())


def tick(numbers, level=0, at_s=0.0):
    """A tick in which each of `numbers` has a frame of a slow square wave of that level."""
    wave = np.tile(np.repeat(np.array([1, -1]), 40), FRAME_SAMPLES // 80) * level
    pcm = np.tile(wave.astype(np.int16), (len(numbers), 1))
    return AudioTick(at_s, np.array(numbers, dtype=np.int32), pcm)


def babble(samples, seed=1):
    """Return sound (int16, 16 kHz) with the rhythm, pitch and formants of speech, and pauses."""
    rng = np.random.default_rng(seed)
    sound = np.zeros(samples)
    at = 0
    while at < samples:
        length = int(rng.uniform(0.12, 0.3) * 16_000)
        pitch_hz = rng.uniform(90, 180) * (1 + 0.1 * np.sin(np.linspace(0, 3, length)))
        phase = np.cumsum(pitch_hz) / 16_000
        formants_hz = rng.uniform([300, 900, 2200], [800, 1900, 3000])
        syllable = 0.02 * rng.standard_normal(length)
        for harmonic in range(1, 25):
            near = np.exp(-(((harmonic * 130 - formants_hz) / 250) ** 2)).sum()
            syllable += (0.1 + near) / harmonic**0.5 * np.sin(2 * np.pi * harmonic * phase)
        stop = min(samples, at + length)
        sound[at:stop] = (syllable * np.hanning(length) ** 0.5)[: stop - at] * 2500
        at += length + int(rng.choice([0.02, 0.05, 0.3]) * 16_000)
    return np.rint(sound).astype(np.int16)
