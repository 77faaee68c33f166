"""Decides whether what a caller's line brought is only our own voice coming back.

Where the echo lies is not known (network, jitter buffers, the far telephone), so it is searched by
cross-correlation. Then the path is fitted: one short filter for delay, colour and gain, and a gain and
an offset of its own for each block, since jitter buffers move. What the fitted echo leaves over decides:
an echo leaves little, and a caller who speaks over it leaves his own voice.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from gateway.media.resample import Decimator
from gateway.model.frame import RATE_HZ

_RATE_HZ = RATE_HZ // 2
_PIECE = 8 * _RATE_HZ
"""Audio is looked at in pieces of 8 s: bounded work, and the clocks of both sides may drift."""
_BLOCK = _RATE_HZ // 4
_SEGMENT = _RATE_HZ // 20
_DRIFT = _RATE_HZ // 10
"""A block's echo may lie up to 100 ms before or after where that of the whole piece lies."""
_TAPS = 512
"""64 ms, for rooms; short pieces get fewer, or the filter could imitate any voice with any other."""
_SAMPLES_PER_TAP = 50
_STEPS = 60
"""Most steps towards the best filter; more would change nothing that matters."""
_LEAD_TAPS = 16
"""Taps before the strongest one, for filters and fractions of a sample."""
_SHORTEST = _RATE_HZ // 10

FLOOR_DBFS = -62.0
"""Softer segments (after pre-emphasis) say nothing about anybody."""
ECHO_LIKENESS = 0.6
"""From this share of explained energy on a sound is echo."""
OVER_SHARE = 0.4
"""A segment of which more than this share is left over holds something else than echo."""
OVER_BELOW_MEAN = 0.03
"""What is left over in a segment counts only from 15 dB below the mean level heard: codec noise is not speech."""
REVERBERATION = 0.15
"""What is left over counts only above this share of the echo just heard: rooms answer for long."""
REVERBERATION_DECAY = 0.6
"""Decay of that from one segment to the next: 60 dB in 1.4 s."""
OVER_MS = 250
"""So much else and the caller has spoken over the echo."""

Samples = npt.NDArray[np.float32]
Reals = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EchoFinding:
    """What a comparison found."""

    likeness: float
    """Share of the energy heard that the played audio explains, 0…1; 0 when nothing was heard."""
    other_ms: float
    """Length of what was heard that is not echo, in segments of 50 ms."""


def is_echo(played: bytes, heard: bytes) -> bool:
    """Return whether `heard` holds nothing but `played` coming back; see `compare`."""
    finding = compare(played, heard)
    return finding.likeness >= ECHO_LIKENESS and finding.other_ms < OVER_MS


def echo_likeness(played: bytes, heard: bytes) -> float:
    """Return the share of energy in `heard` that `played` explains, 0…1; see `compare`."""
    return compare(played, heard).likeness


def compare(played: bytes, heard: bytes) -> EchoFinding:
    """Compare what was heard with what was played around that time (both PCM16 mono 16 kHz).

    `played` should begin before `heard` by as much as an echo may be late; the two need not be aligned.
    CPU-bound, about 2 ms per second heard: for a thread.
    """
    source, sound = _prepare(played), _prepare(heard)
    floor = 10 ** (FLOOR_DBFS / 10)
    total = left = 0.0
    other = 0
    for at in range(0, len(sound), _PIECE):
        piece = sound[at : at + _PIECE]
        energy = _segments(piece)
        active = energy > floor
        if not active.any():
            continue
        echo = _echo(source, piece)
        rest = _segments(piece - echo)
        total += float(energy[active].sum())
        left += float(np.minimum(rest, energy)[active].sum())
        least = max(floor, OVER_BELOW_MEAN * float(energy[active].mean()))
        is_other = (rest > OVER_SHARE * energy) & (rest > least) & (rest > _room(_segments(echo)))
        other += int(np.count_nonzero(is_other))
    likeness = 1 - left / total if total > 0 else 0.0
    return EchoFinding(likeness=likeness, other_ms=other * 1000 * _SEGMENT / _RATE_HZ)


def _room(echo: Samples) -> Samples:
    """Return the power that reverberation may have in each segment, given that of the echo."""
    powers: list[float] = []
    power = 0.0
    for here in echo.tolist():
        power = max(here, power * REVERBERATION_DECAY)
        powers.append(power * REVERBERATION)
    return np.array(powers, dtype=np.float32)


def _prepare(pcm: bytes) -> Samples:
    """Return 8 kHz floats with pre-emphasis, which makes different voices less alike."""
    samples = np.frombuffer(pcm[: len(pcm) // 4 * 4], dtype="<i2")
    rows = np.zeros(1, dtype=np.int32)
    narrow: Samples = Decimator(1).decimate(rows, samples.reshape(1, -1))[0]
    narrow[1:] -= np.float32(0.9) * narrow[:-1]
    return narrow


def _segments(sound: Samples) -> Samples:
    """Return the mean power of each whole segment (of all, if it is not one segment long)."""
    if len(sound) < _SEGMENT:
        return np.full(1, np.mean(sound * sound) if len(sound) else 0, dtype=np.float32)
    whole = sound[: len(sound) // _SEGMENT * _SEGMENT].reshape(-1, _SEGMENT)
    return np.asarray(np.mean(whole * whole, axis=1))


def _size(length: int) -> int:
    return 1 << (length - 1).bit_length()


def _echo(source: Samples, sound: Samples) -> Samples:
    """Return the echo of `source` that takes most out of `sound`; as long as `sound`."""
    echo = np.zeros_like(sound)
    if len(source) < _SHORTEST or len(sound) < _SHORTEST or not source.any():
        return echo
    model = _filtered(_aligned(source, sound, _offset(source, sound)), sound)
    edges = [*range(0, max(1, len(sound) - _BLOCK + 1), _BLOCK), len(sound)]
    for begin, end in pairwise(edges):
        block, part = sound[begin:end], model[begin:end]
        power = float(part @ part)
        if power > 0:
            echo[begin:end] = np.float32(max(0.0, float(block @ part) / power)) * part
    return echo


def _offset(source: Samples, sound: Samples) -> int:
    """Return where in `source` the sound most likely begins; negative if before it.

    The offset explains most of the sound's energy by one tap.
    """
    size = _size(len(source) + len(sound))
    product = np.fft.rfft(source, size) * np.conj(np.fft.rfft(sound, size))
    correlation = np.fft.irfft(product, size)
    offsets = np.arange(-len(sound) + _SHORTEST, len(source) - _SHORTEST)
    sums = np.concatenate([[0.0], np.cumsum(source.astype(np.float64) ** 2)])
    power = (
        sums[np.clip(offsets + len(sound), 0, len(source))] - sums[np.clip(offsets, 0, len(source))]
    )
    # Where next to nothing was played any correlation would look large.
    explained = correlation[offsets] ** 2 / np.maximum(power, 0.01 * power.max() + 1e-12)
    return int(offsets[np.argmax(explained)])


def _at(source: Samples, begin: int, end: int) -> Samples:
    """Return `source[begin:end]`, with zeros for what lies outside."""
    cut: Samples = source[max(0, begin) : max(0, end)]
    before = min(max(0, -begin), end - begin)
    return np.pad(cut, (before, end - begin - before - len(cut)))


def _aligned(source: Samples, sound: Samples, offset: int) -> Samples:
    """Return the source shifted to lie under the sound, each block by as much as fits it best.

    It begins `_TAPS` before the sound.
    """
    aligned = _at(source, offset - _TAPS, offset + len(sound))
    size = _size(_BLOCK + 2 * _DRIFT + _BLOCK)
    for begin in range(0, len(sound) - _BLOCK + 1, _BLOCK):
        block = sound[begin : begin + _BLOCK]
        wide = _at(source, offset + begin - _DRIFT, offset + begin + _BLOCK + _DRIFT)
        product = np.fft.rfft(wide, size) * np.conj(np.fft.rfft(block, size))
        correlation = np.fft.irfft(product, size)[: 2 * _DRIFT + 1]
        best = int(np.argmax(np.abs(correlation)))
        # Moving must pay: with speech there is always some other place that fits a little.
        if abs(correlation[best]) > 1.5 * abs(correlation[_DRIFT]):
            aligned[_TAPS + begin : _TAPS + begin + _BLOCK] = wide[best : best + _BLOCK]
    return aligned


def _filtered(aligned: Samples, sound: Samples) -> Samples:
    """Return `aligned` through the filter that brings it closest to `sound` (least squares).

    `aligned` begins `_TAPS` earlier than `sound`: what was played just before still sounds in a room.
    """
    taps = min(_TAPS, len(sound) // _SAMPLES_PER_TAP)
    lead = min(_LEAD_TAPS, taps // 4)
    size = _size(len(aligned) + _TAPS)
    source = np.fft.rfft(aligned, size)
    auto = np.fft.irfft(np.abs(source) ** 2, size)[:taps]
    later = np.concatenate([np.zeros(_TAPS, np.float32), sound])
    cross = np.fft.irfft(np.fft.rfft(later, size) * np.conj(source), size)
    response = _solve_toeplitz(auto, cross[np.arange(taps) - lead])
    filtered = np.fft.irfft(source * np.fft.rfft(response, size), size)
    return np.asarray(np.roll(filtered, -lead)[_TAPS : len(aligned)], dtype=np.float32)


def _solve_toeplitz(column: Reals, wanted: Reals) -> Reals:
    """Solve T x = wanted for the symmetric Toeplitz matrix T of `column`, by conjugate gradients.

    Products with T are done by FFT, so that neither memory nor time grows with its square; a little is
    added to the diagonal.
    """
    count = len(column)
    size = _size(2 * count)
    ring = np.zeros(size)
    ring[:count] = column
    ring[0] += 1e-3 * column[0] + 1e-12
    ring[size - count + 1 :] = column[:0:-1]
    spectrum = np.fft.rfft(ring)
    solution = np.zeros(count)
    rest = wanted.astype(np.float64)
    direction = rest.copy()
    power = float(rest @ rest)
    enough = 1e-6 * power
    for _ in range(_STEPS):
        if power <= enough:
            break
        product = np.fft.irfft(np.fft.rfft(direction, size) * spectrum, size)[:count]
        step = power / float(direction @ product)
        solution += step * direction
        rest -= step * product
        following = float(rest @ rest)
        direction = rest + (following / power) * direction
        power = following
    return solution
