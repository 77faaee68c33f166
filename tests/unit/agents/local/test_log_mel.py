"""The spectrogram against its definition, written out slowly."""

import numpy as np
import pytest

from agents.local.log_mel import BANDS, HOP_SAMPLES, log_mel, mel_filters, unit_variance

RANDOM = np.random.default_rng(7)


def by_definition(samples, frames):
    """Whisper's `log_mel_spectrogram` in float64 with a direct Fourier sum."""
    wanted = frames * HOP_SAMPLES
    signal = np.zeros(wanted)
    signal[: min(wanted, len(samples))] = samples[:wanted]
    signal = np.pad(signal, 200, mode="reflect")
    n = np.arange(400)
    window = 0.5 * (1 - np.cos(2 * np.pi * n / 400))
    fourier = np.exp(-2j * np.pi * np.outer(np.arange(201), n) / 400)
    parts = np.stack([signal[at * 160 : at * 160 + 400] * window for at in range(frames)], axis=1)
    power = np.abs(fourier @ parts) ** 2
    log_power = np.log10(np.maximum(mel_filters().astype(np.float64) @ power, 1e-10))
    return (np.maximum(log_power, log_power.max() - 8) + 4) / 4


@pytest.mark.parametrize("length", [300, 8_000, 15_950, 16_000, 40_000])
def test_equals_the_definition_for_shorter_exact_and_longer_audio(length):
    samples = (RANDOM.standard_normal(length) * np.sin(np.arange(length) / 900)).astype(np.float32)

    spectrogram = log_mel(samples, 100)

    assert spectrogram.shape == (BANDS, 100)
    assert spectrogram.dtype == np.float32
    np.testing.assert_allclose(spectrogram, by_definition(samples, 100), atol=2e-5)


def test_silence_is_flat():
    np.testing.assert_allclose(log_mel(np.zeros(16_000, dtype=np.float32), 100), -1.5, atol=1e-6)


def test_nothing_at_all_is_silence():
    np.testing.assert_allclose(log_mel(np.zeros(0, dtype=np.float32), 100), -1.5, atol=1e-6)


@pytest.mark.parametrize("tone_hz", [200, 440, 1000, 3000, 7000])
def test_a_tone_is_loudest_in_the_band_around_it(tone_hz):
    tone = np.sin(2 * np.pi * tone_hz * np.arange(16_000) / 16_000).astype(np.float32)

    loudest = log_mel(tone, 100)[:, 50].argmax()

    bins_hz = np.flatnonzero(mel_filters()[loudest]) * 40
    assert bins_hz.min() - 40 <= tone_hz <= bins_hz.max() + 40


def test_filters_have_the_published_corner_values():
    """Spot values of librosa.filters.mel(sr=16000, n_fft=400, n_mels=80), as shipped by Whisper."""
    filters = mel_filters()

    assert filters.shape == (80, 201)
    assert filters[0, 0] == 0.0
    assert filters[0, 1] == pytest.approx(0.02486259, abs=1e-6)
    assert filters[1, 1] == pytest.approx(0.00199082, abs=1e-6)
    assert filters[79, 200] == pytest.approx(0.0, abs=1e-6)


def test_each_filter_has_unit_area():
    areas = mel_filters().sum(axis=1) * 40

    # The triangles are sampled every 40 Hz only.
    np.testing.assert_allclose(areas, 1.0, atol=0.1)


def test_unit_variance():
    scaled = unit_variance((RANDOM.standard_normal(9_000) * 0.02 + 0.3).astype(np.float32))

    assert scaled.dtype == np.float32
    assert scaled.mean() == pytest.approx(0.0, abs=1e-4)
    assert scaled.var() == pytest.approx(1.0, abs=1e-3)


def test_unit_variance_of_silence_is_silence():
    assert not unit_variance(np.zeros(100, dtype=np.float32)).any()
