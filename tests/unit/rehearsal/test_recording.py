"""Both sides of a rehearsal on one time axis."""

import wave
from pathlib import Path

import numpy as np

from gateway.model.frame import FRAME_BYTES, RATE_HZ
from gateway.rehearsal.recording import Recording, offset, onset, stretches


def tone(seconds: float, level: int = 8000) -> np.ndarray:
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (np.sin(2 * np.pi * 440 * times) * level).astype(np.int16)


def quiet(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE_HZ), dtype=np.int16)


def test_onset_and_offset_are_found_to_ten_milliseconds() -> None:
    track = np.concatenate([quiet(0.5), tone(1.0), quiet(0.5)])

    assert onset(track, 0) == RATE_HZ // 2
    assert offset(track, 0, len(track)) == RATE_HZ * 3 // 2
    assert onset(track, RATE_HZ * 3 // 2) is None


def test_noise_below_the_threshold_is_silence() -> None:
    assert onset(tone(1.0, level=100), 0) is None


def test_short_pauses_do_not_split_a_stretch_and_clicks_are_no_speech() -> None:
    track = np.concatenate([tone(0.5), quiet(0.3), tone(0.5), quiet(1.5), tone(0.04), quiet(1.0)])

    assert stretches(track, gap_ms=900) == [(0, round(1.3 * RATE_HZ))]
    assert len(stretches(track, gap_ms=200)) == 2


def test_the_wav_has_the_caller_left_and_the_gateway_right(tmp_path: Path) -> None:
    recording = Recording()
    for _ in range(50):
        recording.gateway_frame(bytes(FRAME_BYTES))
    recording.caller_audio(RATE_HZ // 2, tone(0.5).tobytes())

    recording.write(tmp_path / "both.wav")

    with wave.open(str(tmp_path / "both.wav")) as file:
        assert file.getnchannels() == 2
        both = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    assert len(both) == RATE_HZ
    assert np.array_equal(both[RATE_HZ // 2 :, 0], tone(0.5))
    assert not both[:, 1].any()
