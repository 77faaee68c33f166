"""Where long audio is cut."""

import numpy as np

from agents.local.quiet_cuts import quiet_cuts

SECOND = 16_000


def noise(seconds):
    return np.random.default_rng(3).standard_normal(int(seconds * SECOND)).astype(np.float32)


def test_short_audio_stays_whole():
    samples = noise(2)

    pieces = quiet_cuts(samples, 3 * SECOND)

    assert len(pieces) == 1
    assert pieces[0] is samples


def test_no_audio_is_one_empty_piece():
    assert [len(piece) for piece in quiet_cuts(noise(0), SECOND)] == [0]


def test_the_cut_is_in_the_pause():
    samples = noise(40)
    samples[int(24.0 * SECOND) : int(24.4 * SECOND)] *= 0.01

    first, second = quiet_cuts(samples, 28 * SECOND)

    assert 24.0 < len(first) / SECOND < 24.4
    assert len(first) + len(second) == len(samples)


def test_pieces_are_never_too_long_and_nothing_is_lost():
    samples = noise(100)

    pieces = quiet_cuts(samples, 28 * SECOND)

    assert all(len(piece) <= 28 * SECOND for piece in pieces)
    np.testing.assert_array_equal(np.concatenate(pieces), samples)
