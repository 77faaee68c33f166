"""Our own echo against a caller who speaks, with noise that has the shape of speech."""

import time

import numpy as np
import pytest

from gateway.media.echo import compare, is_echo
from tests.support.hearing import babble

RATE_HZ = 16_000


def talk(seed, seconds):
    return babble(int(seconds * RATE_HZ), seed).astype(np.float64)


def line(sound, seed=0):
    """Return PCM after a mu-law line with a little noise (the curve of ITU-T G.711 in 8 bits)."""
    noisy = sound + np.random.default_rng(seed).standard_normal(len(sound)) * 12
    level = np.clip(noisy / 32_768, -1, 1)
    code = np.round(np.sign(level) * np.log1p(255 * np.abs(level)) / np.log(256) * 127) / 127
    heard = np.sign(code) * np.expm1(np.abs(code) * np.log(256)) / 255
    return np.rint(heard * 32_767).astype("<i2").tobytes()


def pcm(sound):
    return np.rint(sound).astype("<i2").tobytes()


def echo(sound, gain_db, delay_ms):
    """Return `sound` after a delay and a hybrid's short, coloured path; as long as `sound`."""
    path = np.exp(-np.arange(48) / 9) * np.random.default_rng(7).standard_normal(48)
    path *= 10 ** (gain_db / 20) / np.sqrt((path**2).sum())
    late = np.concatenate([np.zeros(int(delay_ms * RATE_HZ / 1000)), sound])
    return np.convolve(late, path)[: len(sound)]


OURS = talk(1, 8)


@pytest.mark.parametrize("gain_db", [-6, -18, -30])
@pytest.mark.parametrize("delay_ms", [0, 33, 180, 500])
def test_an_echo_is_an_echo_at_any_level_and_delay(gain_db, delay_ms):
    heard = line(echo(OURS, gain_db, delay_ms))

    assert is_echo(pcm(OURS), heard)
    assert compare(pcm(OURS), heard).likeness > 0.8


def test_an_inverted_echo_is_an_echo():
    assert is_echo(pcm(OURS), line(-0.3 * OURS))


@pytest.mark.parametrize("seed", range(10, 18))
@pytest.mark.parametrize("seconds", [0.5, 1.5, 5])
def test_another_voice_is_not(seed, seconds):
    heard = line(talk(seed, seconds))

    assert not is_echo(pcm(OURS), heard)
    assert compare(pcm(OURS), heard).likeness < 0.5


@pytest.mark.parametrize("gain_db", [-10, -20, -30])
@pytest.mark.parametrize("seconds", [0.6, 3])
def test_a_caller_who_speaks_over_the_echo_is_heard(gain_db, seconds):
    both = echo(OURS, gain_db, 120)
    caller = talk(20, seconds)
    both[32_000 : 32_000 + len(caller)] += 0.7 * caller

    assert not is_echo(pcm(OURS), line(both))


def test_a_short_stretch_is_found_in_what_was_played_around_it():
    whole = echo(OURS, -15, 250)
    start, stop = 40_000, 50_000

    assert is_echo(pcm(OURS[start - 24_000 : stop]), line(whole[start:stop]))


def test_an_echo_that_begins_before_what_we_know_was_played_is_found():
    assert is_echo(pcm(OURS), line(np.concatenate([np.zeros(6_000), echo(OURS, -15, 0)])))


def test_a_jitter_buffer_that_moves_does_not_make_an_echo_a_caller():
    heard = echo(OURS, -12, 100)
    moved = np.concatenate([heard[:30_000], np.zeros(640), heard[30_000:80_000], heard[80_640:]])

    assert is_echo(pcm(OURS), line(moved))


def test_long_audio_is_looked_at_in_pieces():
    ours = talk(2, 20)

    assert is_echo(pcm(ours), line(echo(ours, -15, 300)))
    over = echo(ours, -15, 300)
    over[280_000:296_000] += talk(21, 1)
    assert not is_echo(pcm(ours), line(over))


@pytest.mark.parametrize(
    ("played", "heard"),
    [
        (b"", b""),
        (pcm(OURS), b""),
        (pcm(OURS), bytes(32_000)),
        (b"", pcm(OURS)),
        (bytes(64_000), pcm(OURS)),
        (pcm(OURS), pcm(OURS[4000:4020])),
        (pcm(OURS[:50]), pcm(OURS)),
        (b"x", b"xyz"),
    ],
)
def test_where_there_is_nothing_to_compare_it_is_no_echo(played, heard):
    assert not is_echo(played, heard)
    assert compare(played, heard).likeness == 0.0


def test_comfort_noise_alone_is_no_echo():
    noise = np.random.default_rng(5).standard_normal(32_000) * 60

    assert not is_echo(pcm(OURS), pcm(noise))


def test_time_grows_with_length_not_with_its_square():
    def seconds(sound):
        heard = line(sound * 0.2)
        begun = time.perf_counter()
        compare(pcm(sound), heard)
        return time.perf_counter() - begun

    seconds(OURS)  # warm
    ours = talk(3, 24)
    assert min(seconds(ours) for _ in range(3)) < 8 * min(seconds(ours[:128_000]) for _ in range(3))
