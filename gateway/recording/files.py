"""The two formats a recording is written in, block by block, so that a crash leaves what was written playable."""

import os
import struct
from pathlib import Path
from typing import Any, Protocol

from gateway.config.recording import RecordingFormat
from gateway.errors import ConfigError, RecordingFailed
from gateway.model.frame import RATE_HZ, SAMPLE_BYTES

CHANNELS = 2
_STEP = CHANNELS * SAMPLE_BYTES
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_LARGEST = 0xFFFF_FFFF - _HEADER.size
"""RIFF has sizes of 32 bits: 18 hours of stereo."""


class AudioFile(Protocol):
    """One recording that is being written; for one thread."""

    def write(self, stereo: bytes) -> None:
        """Append interleaved PCM16 stereo 16 kHz. Raises `OSError` or `RecordingFailed`."""

    def close(self) -> None:
        """Finish the file; may be called after a failure. Raises as `write`."""


def wav_header(data_bytes: int) -> bytes:
    """Return the 44 bytes before `data_bytes` of PCM16 stereo 16 kHz."""
    return _HEADER.pack(
        *(b"RIFF", _HEADER.size - 8 + data_bytes, b"WAVE", b"fmt ", 16),
        *(1, CHANNELS, RATE_HZ, RATE_HZ * _STEP, _STEP, 8 * SAMPLE_BYTES, b"data", data_bytes),
    )


class WavFile:
    """An `AudioFile` whose header is true after each block."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._size = 0
        os.write(self._fd, wav_header(0))

    def write(self, stereo: bytes) -> None:
        if self._size + len(stereo) > _LARGEST:
            raise RecordingFailed("file_full", "a WAV file holds no more than 4 GiB")
        view = memoryview(stereo)
        at = _HEADER.size + self._size
        while view:
            # A full disk takes a part first; the next try tells that it is full.
            written = os.pwrite(self._fd, view, at)
            view, at = view[written:], at + written
        self._size += len(stereo)
        os.pwrite(self._fd, wav_header(self._size), 0)

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            try:
                os.fsync(fd)
            finally:
                os.close(fd)


def repair_wav(path: Path) -> bool:
    """Make the header of a file that a crash left true to its length; False if there is no sound in it.

    Raises `OSError`.
    """
    size = path.stat().st_size - _HEADER.size
    size -= size % _STEP
    if size <= 0:
        return False
    with path.open("r+b") as file:
        file.write(wav_header(min(size, _LARGEST)))
        file.truncate(_HEADER.size + size)
    return True


class OpusFile:
    """An `AudioFile` in Ogg, by libsndfile; a second at a time reaches the disk, and a cut file plays."""

    def __init__(self, path: Path) -> None:
        soundfile = _soundfile()
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._failures = (soundfile.SoundFileError, AssertionError)
        try:
            self._file: Any = soundfile.SoundFile(
                fd, "w", RATE_HZ, CHANNELS, subtype="OPUS", format="OGG"
            )
        except soundfile.SoundFileError as error:
            os.close(fd)
            raise RecordingFailed("encoder", str(error)) from error

    def write(self, stereo: bytes) -> None:
        try:
            self._file.buffer_write(stereo, dtype="int16")
        except self._failures as error:
            raise RecordingFailed("disk", str(error)) from error

    def close(self) -> None:
        try:
            self._file.close()
        except self._failures as error:
            raise RecordingFailed("disk", str(error)) from error


def _soundfile() -> Any:
    try:
        # Its own library of codecs is loaded with it: only where calls are recorded as Opus.
        import soundfile
    except (ImportError, OSError) as error:
        raise ConfigError(
            f'recording.format: "opus" needs the package soundfile, which cannot be loaded ({error}); '
            'install the extra `recording`, or set recording.format = "wav"'
        ) from error
    return soundfile


SUFFIXES = {RecordingFormat.WAV: ".wav", RecordingFormat.OPUS: ".opus"}
CONTENT_TYPES = {".wav": "audio/wav", ".opus": "audio/ogg"}


def check_format(kind: RecordingFormat) -> None:
    """Raise `ConfigError` for a format that cannot be written here."""
    if kind is RecordingFormat.OPUS:
        _soundfile()


def open_file(path: Path, kind: RecordingFormat) -> AudioFile:
    """Make a file, for its owner only. Raises `OSError` or `RecordingFailed`."""
    return OpusFile(path) if kind is RecordingFormat.OPUS else WavFile(path)
