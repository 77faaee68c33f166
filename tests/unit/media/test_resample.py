"""Sample rates: tones keep their level, aliases do not come through, rows do not mix."""

import numpy as np
import pytest

from gateway.media import resample as module
from gateway.media.resample import Decimator, resample, resample_polyphase


def tone(hz, rate_hz, seconds=0.5, level=10_000):
    at = np.arange(int(rate_hz * seconds)) / rate_hz
    return np.rint(level * np.sin(2 * np.pi * hz * at)).astype(np.int16)


def level_db(samples, reference):
    """Level of the middle of `samples` against an RMS of `reference`, in dB."""
    middle = samples[len(samples) // 4 : -len(samples) // 4].astype(np.float64)
    return 20 * np.log10(np.sqrt(np.mean(middle**2)) / reference + 1e-12)


def rows(*numbers):
    return np.array(numbers, dtype=np.int32)


@pytest.mark.parametrize("hz", [100, 300, 1000, 2000, 3000])
def test_decimation_keeps_what_a_telephone_carries(hz):
    got = Decimator(1).decimate(rows(0), tone(hz, 16_000)[None, :])

    assert got.dtype == np.float32
    assert got.shape == (1, 4000)
    assert abs(level_db(got[0], 10_000 / 32768 / np.sqrt(2))) < 0.3


@pytest.mark.parametrize("hz", [5000, 6000, 7500])
def test_decimation_stops_what_would_fold_into_speech(hz):
    got = Decimator(1).decimate(rows(0), tone(hz, 16_000)[None, :])

    assert level_db(got[0], 10_000 / 32768 / np.sqrt(2)) < -45


def test_a_stream_in_pieces_is_the_stream_at_once_for_each_row():
    rng = np.random.default_rng(3)
    pcm = rng.integers(-30_000, 30_000, size=(3, 5120)).astype(np.int16)
    whole = Decimator(3).decimate(rows(0, 1, 2), pcm)
    pieces = Decimator(3)
    got = [[], [], []]

    for at in range(0, 5120, 512):
        for numbers in ([2, 0], [1]):
            part = pieces.decimate(rows(*numbers), pcm[numbers, at : at + 512])
            for number, samples in zip(numbers, part, strict=True):
                got[number].append(samples)

    assert np.array_equal(np.stack([np.concatenate(parts) for parts in got]), whole)


def test_the_delay_is_as_stated():
    pcm = np.zeros((1, 256), dtype=np.int16)
    pcm[0, 101] = 32_000  # with the delay of 15 it lands on sample 116, which is kept as 58

    got = Decimator(1).decimate(rows(0), pcm)

    assert np.argmax(got[0]) == (101 + Decimator.DELAY) // 2


def test_a_reset_row_forgets_and_others_do_not():
    loud, quiet = np.full((2, 64), 20_000, np.int16), np.zeros((2, 64), np.int16)
    decimator = Decimator(2)
    decimator.decimate(rows(0, 1), loud)

    decimator.reset(rows(1))
    got = decimator.decimate(rows(0, 1), quiet)

    assert got[0].any()
    assert not got[1].any()


RATES = [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000]


@pytest.mark.parametrize("convert", [resample, resample_polyphase])
@pytest.mark.parametrize("from_hz", RATES)
def test_clips_of_any_rate_keep_pitch_level_and_length(from_hz, convert):
    got = convert(tone(1000, from_hz, 0.4), from_hz, 16_000)

    expected = tone(1000, 16_000, 0.4)
    assert abs(len(got) - len(expected)) <= 1
    middle = slice(1000, 5000)
    error = got[middle].astype(np.float64) - expected[middle]
    assert np.abs(error).max() < 30, "more than 0.3 % off"


@pytest.mark.parametrize("convert", [resample, resample_polyphase])
def test_what_the_lower_rate_cannot_carry_is_removed(convert):
    got = convert(tone(11_000, 48_000), 48_000, 16_000)

    assert level_db(got, 10_000 / np.sqrt(2)) < -60


def test_without_soxr_our_own_filter_is_used(monkeypatch):
    pcm = tone(500, 44_100)
    monkeypatch.setattr(module, "_soxr", lambda: None)

    assert np.array_equal(resample(pcm, 44_100, 16_000), resample_polyphase(pcm, 44_100, 16_000))


def test_overshoot_is_clipped_not_wrapped():
    square = np.repeat(np.array([32_767, -32_768] * 50, dtype=np.int16), 240)

    got = resample_polyphase(square, 48_000, 16_000).astype(int).reshape(-1, 80)

    # 80 samples high, 80 low; an overshoot that wrapped would change the sign within them.
    assert (got[0::2, 2:-2] > 20_000).all()
    assert (got[1::2, 2:-2] < -20_000).all()
    assert (got.max(), got.min()) == (32_767, -32_768)


@pytest.mark.parametrize("rate_hz", [0, 3_999, 192_001])
def test_implausible_rates_are_refused(rate_hz):
    with pytest.raises(ValueError, match="Hz is not within"):
        resample(np.zeros(10, np.int16), rate_hz, 16_000)


def test_nothing_stays_nothing():
    assert len(resample(np.zeros(0, np.int16), 8_000, 16_000)) == 0
