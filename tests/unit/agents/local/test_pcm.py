"""Between PCM16 bytes and floats."""

import numpy as np
import pytest

from agents.local.pcm import level_dbfs, to_pcm, to_samples


def test_every_16_bit_value_survives_the_round_trip():
    pcm = np.arange(-32768, 32768, dtype="<i2").tobytes()

    assert to_pcm(to_samples(pcm)) == pcm


def test_an_odd_byte_is_ignored():
    assert to_samples(b"\x00\x40\x01").tolist() == [0.5]


def test_too_loud_is_clipped_not_wrapped():
    loud = np.array([2.0, -2.0], dtype=np.float32)

    assert np.frombuffer(to_pcm(loud), "<i2").tolist() == [32767, -32768]


def test_levels():
    assert level_dbfs(np.full(100, 0.1, dtype=np.float32)) == pytest.approx(-20, abs=0.01)
    assert level_dbfs(np.zeros(100, dtype=np.float32)) == -120
    assert level_dbfs(np.zeros(0, dtype=np.float32)) == -120
