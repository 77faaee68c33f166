"""The bundled clips are there and sound."""

import numpy as np
import pytest

from gateway import clips
from gateway.errors import AssetError


@pytest.mark.parametrize("clip", clips.Clip)
def test_each_clip_is_audible_and_short(clip):
    speech = clips.load(clip)

    samples = np.frombuffer(speech.pcm, "<i2")
    assert speech.text == clips.TEXTS[clip]
    assert speech.source == clips.SOURCE
    assert 1_000 < speech.duration_ms < 6_000
    assert 5_000 < np.abs(samples).max() < 24_000
    # The first word comes at once: no more than 50 ms of near silence before it.
    assert np.flatnonzero(np.abs(samples) > 300)[0] < 800


def test_a_missing_clip_is_an_asset_error(monkeypatch, tmp_path):
    monkeypatch.setattr(clips, "files", lambda _: tmp_path)

    with pytest.raises(AssetError, match="install"):
        clips.load(clips.Clip.GREETING)


def test_a_broken_clip_is_an_asset_error(monkeypatch, tmp_path):
    (tmp_path / "greeting.wav").write_bytes(b"RIFF")
    monkeypatch.setattr(clips, "files", lambda _: tmp_path)

    with pytest.raises(AssetError, match="install"):
        clips.load("greeting")
