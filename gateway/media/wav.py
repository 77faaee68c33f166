"""Reads clips from WAV files into the gateway's one format, and writes recordings.

Reads PCM of 16 bits, mono or stereo (mixed), of any rate; `WAVE_FORMAT_EXTENSIBLE` headers and
chunks around the audio are understood. RIFF: Multimedia Programming Interface 1.0 (IBM, Microsoft, 1991).
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gateway.errors import AssetError
from gateway.media.resample import HIGHEST_HZ, LOWEST_HZ, Pcm, resample
from gateway.model.frame import RATE_HZ

LONGEST_S = 600
"""Longest clip that is read; more is a mistake, and would be kept in memory."""

_PCM, _EXTENSIBLE = 1, 0xFFFE
_FORMATS = {2: "ADPCM", 3: "floating point", 6: "A-law", 7: "mu-law", 0x55: "MP3"}


@dataclass(frozen=True, slots=True)
class _Format:
    code: int
    channels: int
    rate_hz: int
    bits: int


def read_wav(path: Path) -> bytes:
    """Return a clip as PCM16 mono 16 kHz; raises `AssetError`, naming the file and the remedy."""
    remedy = f"convert it with: ffmpeg -i {path.name} -ac 1 -ar {RATE_HZ} -c:a pcm_s16le new.wav"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise AssetError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return _decode(data)
    except ValueError as error:
        raise AssetError(f"{path}: {error}; {remedy}") from error


def _decode(data: bytes) -> bytes:
    kind, audio = _chunks(data)
    if kind.code != _PCM:
        name = _FORMATS.get(kind.code, f"encoding {kind.code}")
        raise ValueError(f"is {name}, but only PCM is read")
    if kind.bits != 16:
        raise ValueError(f"has {kind.bits} bits per sample, but only 16 are read")
    if kind.channels not in (1, 2):
        raise ValueError(f"has {kind.channels} channels, but only one or two are read")
    if not LOWEST_HZ <= kind.rate_hz <= HIGHEST_HZ:
        raise ValueError(f"has {kind.rate_hz} samples per second, which is not plausible")
    step = 2 * kind.channels
    samples = np.frombuffer(audio[: len(audio) // step * step], dtype="<i2")
    if len(samples) == 0:
        raise ValueError("has no audio in it")
    if len(samples) > LONGEST_S * kind.rate_hz * kind.channels:
        raise ValueError(f"is longer than {LONGEST_S // 60} minutes")
    if kind.channels == 2:
        # The mean of two 16-bit values, rounded to even, always fits again.
        samples = np.rint(samples.reshape(-1, 2).mean(axis=1)).astype(np.int16)
    return resample(samples.astype(np.int16), kind.rate_hz, RATE_HZ).astype("<i2").tobytes()


def _chunks(data: bytes) -> tuple[_Format, bytes]:
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise ValueError("is not a WAV file")
    kind: _Format | None = None
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        # A recorder that died leaves a size of 0 or too much: then the rest of the file is meant.
        body = data[at + 8 : at + 8 + size]
        if name == b"fmt ":
            kind = _format(body)
        elif name == b"data":
            if kind is None:
                raise ValueError("has audio before its format")
            return kind, body if size else data[at + 8 :]
        at += 8 + size + size % 2
    raise ValueError("has no audio in it" if kind else "has no format in it")


def _format(body: bytes) -> _Format:
    if len(body) < 16:
        raise ValueError("has a broken format in it")
    code, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if code == _EXTENSIBLE and len(body) >= 26:
        (code,) = struct.unpack_from("<H", body, 24)
    return _Format(code, channels, rate_hz, bits)


def write_wav(path: Path, pcm: bytes, rate_hz: int = RATE_HZ) -> None:
    """Write PCM16 mono; raises `OSError`."""
    path.write_bytes(_header(1, rate_hz, len(pcm)) + pcm)


def write_stereo_wav(path: Path, left: bytes, right: bytes, rate_hz: int = RATE_HZ) -> None:
    """Write two mono PCM16 tracks as one file, the shorter one padded; raises `OSError`."""
    length = max(len(left), len(right)) // 2
    both: Pcm = np.zeros((length, 2), dtype="<i2")
    for column, track in enumerate((left, right)):
        samples = np.frombuffer(track[: len(track) // 2 * 2], dtype="<i2")
        both[: len(samples), column] = samples
    path.write_bytes(_header(2, rate_hz, both.nbytes) + both.tobytes())


def _header(channels: int, rate_hz: int, size: int) -> bytes:
    step = 2 * channels
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", 36 + size, b"WAVE", b"fmt ", 16),
        *(_PCM, channels, rate_hz, rate_hz * step, step, 16, b"data", size),
    )
