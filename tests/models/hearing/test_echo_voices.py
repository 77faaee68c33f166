"""The echo judge on real voices: the agent's and, to make it hard, callers with the same voice."""

import numpy as np
import pytest

from gateway.media.echo import compare, is_echo
from tests.support.telephone_line import OURS, TEXTS, mu_law, noise

RATE_HZ = 16_000


def pcm(samples):
    return np.clip(np.rint(samples), -32_768, 32_767).astype("<i2").tobytes()


def line(samples):
    return pcm(mu_law(samples + noise(len(samples), -62)))


def hybrid(samples, gain_db, delay_ms):
    """Return the echo of a telephone hybrid, as long as `samples`."""
    path = np.exp(-np.arange(40) / 8) * np.random.default_rng(4).standard_normal(40)
    path *= 10 ** (gain_db / 20) / np.sqrt((path**2).sum())
    late = np.concatenate([np.zeros(delay_ms * RATE_HZ // 1000), samples])
    return np.convolve(late, path)[: len(samples)]


@pytest.fixture(scope="session")
def ours(voice):
    return voice(OURS)


@pytest.mark.parametrize("gain_db", [-8, -20, -30])
@pytest.mark.parametrize("delay_ms", [20, 150, 450])
def test_our_own_voice_coming_back_is_echo(ours, gain_db, delay_ms):
    heard = hybrid(ours, gain_db, delay_ms)
    start, stop = RATE_HZ, 3 * RATE_HZ

    assert is_echo(pcm(ours), line(heard))
    # As the session asks: a stretch of speech, and what was played until its end.
    assert is_echo(pcm(ours[:stop]), line(heard)[2 * start : 2 * stop])


@pytest.mark.parametrize("text", TEXTS)
def test_a_caller_with_the_same_voice_is_no_echo(ours, voice, text):
    heard = line(voice(text) * 0.5)

    assert not is_echo(pcm(ours), heard)
    assert compare(pcm(ours), heard).likeness < 0.5


@pytest.mark.parametrize("gain_db", [-10, -20, -30])
@pytest.mark.parametrize("text", TEXTS)
def test_a_caller_who_speaks_over_the_echo_is_heard(ours, voice, gain_db, text):
    both = hybrid(ours, gain_db, 120)
    caller = voice(text)[: len(both) - RATE_HZ] * 0.6
    both[RATE_HZ : RATE_HZ + len(caller)] += caller

    assert not is_echo(pcm(ours), line(both))
