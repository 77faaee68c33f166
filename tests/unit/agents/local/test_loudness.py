"""Level, trim, fade."""

import numpy as np
import pytest

from agents.local.loudness import ACTIVE_DBFS, PEAK_DBFS, fade_edges, level, sounding_span

RATE_HZ = 16_000


def voice_like(gain, seconds=1.0):
    """Noise in bursts of 100 ms."""
    samples = np.random.default_rng(5).standard_normal(int(RATE_HZ * seconds)) * gain
    bursts = (np.arange(len(samples)) // 1600) % 2 == 0
    return (samples * bursts).astype(np.float32)


def active_dbfs(samples):
    return 20 * np.log10(np.sqrt(np.mean(samples[samples != 0] ** 2)))


@pytest.mark.parametrize("gain", [0.001, 0.05, 0.5])
def test_quiet_and_loud_become_equally_loud(gain):
    assert active_dbfs(level(voice_like(gain))) == pytest.approx(ACTIVE_DBFS, abs=1.0)


def test_peaks_stay_under_the_limit():
    peaky = voice_like(0.1)
    peaky[::900] = 5.0

    assert np.abs(level(peaky)).max() <= 10 ** (PEAK_DBFS / 20) + 1e-6


def test_silence_stays_silent():
    assert not level(np.zeros(100, dtype=np.float32)).any()


def test_the_span_begins_shortly_before_the_sound_and_ends_shortly_after():
    samples = np.zeros(RATE_HZ, dtype=np.float32)
    samples[4_000:8_000] = 0.3

    start, stop = sounding_span(samples, RATE_HZ)

    assert 4_000 - RATE_HZ * 0.016 <= start <= 4_000
    assert 8_000 <= stop <= 8_000 + RATE_HZ * 0.046


@pytest.mark.parametrize("length", [0, 10, 5_000])
def test_silence_has_no_span(length):
    assert sounding_span(np.zeros(length, dtype=np.float32), RATE_HZ) == (0, 0)


def test_edges_are_faded_and_the_original_is_not():
    samples = np.ones(1_000, dtype=np.float32)

    faded = fade_edges(samples, RATE_HZ)

    assert faded[0] == faded[-1] == 0.0
    assert faded[500] == 1.0
    assert samples.all()


def test_fading_next_to_nothing():
    assert fade_edges(np.ones(1, dtype=np.float32), RATE_HZ).tolist() == [1.0]
