"""A two-sided recording of a rehearsal on one time axis, and what can be measured on it.

Both sides are placed by the caller's own media clock, so a distance between them is what the caller
experienced: network, jitter buffers and all.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from gateway.media.wav import write_stereo_wav
from gateway.model.frame import FRAME_SAMPLES, RATE_HZ, SAMPLES_PER_MS

ONSET_DBFS = -46.0
"""Louder than this is sound; comfort noise and codec noise stay below."""
_WINDOW = 10 * SAMPLES_PER_MS
_LIMIT_S = 1_800


class Recording:
    """Two mono tracks (caller, gateway) that grow frame by frame; at most half an hour."""

    def __init__(self) -> None:
        self._caller: list[tuple[int, bytes]] = []
        self._gateway: list[bytes] = []
        self._limit = _LIMIT_S * RATE_HZ // FRAME_SAMPLES

    @property
    def position(self) -> int:
        """Samples recorded from the gateway so far: the time axis."""
        return len(self._gateway) * FRAME_SAMPLES

    def gateway_frame(self, pcm: bytes) -> None:
        """Append one frame heard from the gateway; over the limit it is not kept."""
        if len(self._gateway) < self._limit:
            self._gateway.append(pcm)

    def caller_audio(self, at: int, pcm: bytes) -> None:
        """Place what the caller said, its first sample at position `at`."""
        self._caller.append((max(0, at), pcm))

    def tracks(self) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
        """Return (caller, gateway), both of the same length."""
        gateway = np.frombuffer(b"".join(self._gateway), dtype="<i2")
        end = max((at + len(pcm) // 2 for at, pcm in self._caller), default=0)
        length = max(len(gateway), min(end, self._limit * FRAME_SAMPLES))
        left = np.zeros(length, dtype=np.int16)
        for at, pcm in self._caller:
            samples = np.frombuffer(pcm, dtype="<i2")[: max(0, length - at)]
            left[at : at + len(samples)] = samples
        right = np.zeros(length, dtype=np.int16)
        right[: len(gateway)] = gateway
        return left, right

    def write(self, path: Path) -> None:
        """Write a stereo WAV: caller left, gateway right. Raises `OSError`."""
        left, right = (track.astype("<i2").tobytes() for track in self.tracks())
        write_stereo_wav(path, left, right)


def _loud(track: npt.NDArray[np.int16]) -> npt.NDArray[np.bool_]:
    """Return for each 10 ms window whether there is sound in it."""
    count = len(track) // _WINDOW
    windows = track[: count * _WINDOW].reshape(count, _WINDOW).astype(np.float64)
    rms = np.sqrt(np.mean(windows * windows, axis=1)) if count else np.zeros(0)
    return np.asarray(rms > 32_768 * 10 ** (ONSET_DBFS / 20))


def onset(track: npt.NDArray[np.int16], start: int) -> int | None:
    """Return the position of the first sound at or after `start`, to 10 ms; None if there is none."""
    loud = _loud(track[start:])
    found = np.flatnonzero(loud)
    return None if len(found) == 0 else start + int(found[0]) * _WINDOW


def offset(track: npt.NDArray[np.int16], start: int, stop: int) -> int | None:
    """Return the position after the last sound within `[start, stop)`, to 10 ms; None if silent."""
    loud = _loud(track[start:stop])
    found = np.flatnonzero(loud)
    return None if len(found) == 0 else start + (int(found[-1]) + 1) * _WINDOW


def stretches(
    track: npt.NDArray[np.int16], *, gap_ms: int = 900, least_ms: int = 80
) -> list[tuple[int, int]]:
    """Return `[start, stop)` of each stretch of sound; pauses shorter than `gap_ms` do not split."""
    found: list[tuple[int, int]] = []
    for index in np.flatnonzero(_loud(track)):
        start = int(index) * _WINDOW
        if found and start - found[-1][1] < gap_ms * SAMPLES_PER_MS:
            found[-1] = (found[-1][0], start + _WINDOW)
        else:
            found.append((start, start + _WINDOW))
    return [item for item in found if item[1] - item[0] >= least_ms * SAMPLES_PER_MS]
