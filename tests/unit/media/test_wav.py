"""WAV files: what is read, what is refused and in which words, what is written."""

import struct
import wave

import numpy as np
import pytest

from gateway.errors import AssetError
from gateway.media.wav import read_wav, write_stereo_wav, write_wav


def riff(*chunks):
    body = b"".join(
        name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


def fmt(code=1, channels=1, rate_hz=16_000, bits=16, extra=b""):
    step = channels * bits // 8
    return b"fmt ", struct.pack(
        "<HHIIHH", code, channels, rate_hz, rate_hz * step, step, bits
    ) + extra


PCM = np.arange(-500, 500, dtype="<i2").tobytes()


@pytest.fixture
def clip(tmp_path):
    def write(data):
        path = tmp_path / "greeting.wav"
        path.write_bytes(data)
        return path

    return write


def test_a_file_in_our_format_is_read_as_it_is(clip):
    assert read_wav(clip(riff(fmt(), (b"data", PCM)))) == PCM


def test_chunks_before_and_after_the_audio_are_skipped(clip):
    data = riff((b"LIST", b"odd"), fmt(), (b"cue ", bytes(28)), (b"data", PCM), (b"id3 ", b"x" * 9))

    assert read_wav(clip(data)) == PCM


def test_an_extensible_header_is_understood(clip):
    extra = struct.pack("<HHIH", 22, 16, 4, 1) + bytes.fromhex("000000001000800000aa00389b71")

    assert read_wav(clip(riff(fmt(0xFFFE, extra=extra), (b"data", PCM)))) == PCM


def test_stereo_is_mixed(clip):
    both = np.array([[100, 300], [32_767, 32_767], [-32_768, -32_768]], dtype="<i2").tobytes()

    got = np.frombuffer(read_wav(clip(riff(fmt(channels=2), (b"data", both)))), "<i2")

    assert got.tolist() == [200, 32_767, -32_768]


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100, 48_000])
def test_other_rates_are_resampled(clip, rate_hz):
    at = np.arange(rate_hz) / rate_hz
    pcm = np.rint(8000 * np.sin(2 * np.pi * 440 * at)).astype("<i2").tobytes()

    got = np.frombuffer(read_wav(clip(riff(fmt(rate_hz=rate_hz), (b"data", pcm)))), "<i2")

    spectrum = np.abs(np.fft.rfft(got * np.hanning(len(got))))
    assert abs(len(got) - 16_000) <= 1
    assert np.argmax(spectrum) == 440


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_recording_without_a_proper_end_is_read_to_the_end_of_the_file(clip, size):
    data = riff(fmt(), (b"data", PCM))
    at = data.index(b"data") + 4

    assert read_wav(clip(data[:at] + struct.pack("<I", size) + data[at + 4 :])) == PCM


def test_half_a_sample_at_the_end_is_ignored(clip):
    assert read_wav(clip(riff(fmt(), (b"data", PCM + b"x")))) == PCM


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"ID3 this is an mp3", "is not a WAV file"),
        (b"", "is not a WAV file"),
        (riff((b"data", PCM)), "has audio before its format"),
        (riff(fmt()), "has no audio in it"),
        (riff((b"LIST", b"1234")), "has no format in it"),
        (riff(fmt(), (b"data", b"")), "has no audio in it"),
        (riff((b"fmt ", bytes(10)), (b"data", PCM)), "has a broken format in it"),
        (riff(fmt(7, bits=8), (b"data", PCM)), "is mu-law, but only PCM is read"),
        (riff(fmt(3, bits=32), (b"data", PCM)), "is floating point, but only PCM is read"),
        (riff(fmt(77), (b"data", PCM)), "is encoding 77, but only PCM is read"),
        (riff(fmt(bits=24), (b"data", PCM)), "has 24 bits per sample, but only 16 are read"),
        (riff(fmt(channels=6), (b"data", PCM)), "has 6 channels, but only one or two are read"),
        (riff(fmt(rate_hz=0), (b"data", PCM)), "has 0 samples per second, which is not plausible"),
        (riff(fmt(), (b"data", bytes(32_000 * 601))), "is longer than 10 minutes"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_file_the_reason_and_the_remedy(clip, data, words):
    path = clip(data)

    with pytest.raises(AssetError) as caught:
        read_wav(path)

    assert str(caught.value).startswith(f"{path}: {words}; convert it with: ffmpeg -i greeting.wav")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(AssetError, match=r"nowhere\.wav: cannot be read: No such file"):
        read_wav(tmp_path / "nowhere.wav")


def test_what_is_written_is_read_by_others_and_by_us(tmp_path):
    path = tmp_path / "out.wav"

    write_wav(path, PCM)

    assert read_wav(path) == PCM
    with wave.open(str(path)) as other:
        assert (other.getnchannels(), other.getframerate(), other.getsampwidth()) == (1, 16_000, 2)
        assert other.readframes(10_000) == PCM


def test_two_tracks_are_written_side_by_side_the_shorter_one_padded(tmp_path):
    path = tmp_path / "out.wav"

    write_stereo_wav(path, PCM, PCM[:100], 8_000)

    with wave.open(str(path)) as other:
        assert (other.getnchannels(), other.getframerate()) == (2, 8_000)
        both = np.frombuffer(other.readframes(10_000), "<i2").reshape(-1, 2)
    assert both[:, 0].tobytes() == PCM
    assert both[:50, 1].tobytes() == PCM[:100]
    assert not both[50:, 1].any()
