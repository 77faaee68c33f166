"""Sentences, telephone lines and noise, for tests that listen."""

import numpy as np

from gateway.media.resample import resample

TEXTS = (
    "Hello, this is Mary Miller. I am calling about my order.",
    "Yes, please.",
    "Could you tell me when you open on Saturday?",
)
OURS = (
    "Thank you for calling Offhook. We are open Monday to Friday from nine to five. How can I help?"
)


def mu_law(samples):
    """Return int16 samples after a narrow-band G.711 mu-law line (its curve, in 8 bits)."""
    narrow = resample(np.clip(np.rint(samples), -32_768, 32_767).astype(np.int16), 16_000, 8_000)
    level = narrow / 32_768
    code = np.round(np.sign(level) * np.log1p(255 * np.abs(level)) / np.log(256) * 127) / 127
    heard = np.sign(code) * np.expm1(np.abs(code) * np.log(256)) / 255
    return resample(np.rint(heard * 32_767).astype(np.int16), 8_000, 16_000)


def noise(samples, dbfs, seed=1):
    """Return white noise of an RMS level."""
    level = 32_768 * 10 ** (dbfs / 20)
    return np.random.default_rng(seed).standard_normal(samples) * level


def loud_part(samples, below_peak_db=35):
    """Return where speech begins and ends by energy: `[start, stop)` to 10 ms."""
    windows = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    rms = np.sqrt(np.mean(windows**2, axis=1))
    found = np.flatnonzero(rms > rms.max() * 10 ** (-below_peak_db / 20))
    return int(found[0]) * 160, (int(found[-1]) + 1) * 160
