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

from gateway.model.frame import RATE_HZ

_RATE_HZ = RATE_HZ // 2
_PIECE = 10 * _RATE_HZ
"""Audio is looked at in pieces of 10 s: bounded work, and the clocks of both sides may drift."""
_BLOCK = _RATE_HZ // 4
_SEGMENT = _RATE_HZ // 20
_DRIFT = _RATE_HZ // 10
"""A block's echo may lie up to 100 ms before or after where that of the whole piece lies."""
_TAPS = 512
"""64 ms, for rooms; short pieces get fewer, or the filter could imitate any voice with any other."""
_FEW_TAPS = 64
_SAMPLES_PER_TAP = 50
_STEPS = 60
"""Most steps towards the best filter; more would change nothing that matters."""
_LEAD_TAPS = 16
"""Taps before the strongest one, for filters and fractions of a sample."""
_BEFORE = _TAPS + _DRIFT
"""Samples of what was played that are looked at before the sound: in a room they still sound."""
_SHORTEST = _RATE_HZ // 10

FLOOR_DBFS = -62.0
"""Softer segments (after pre-emphasis) say nothing about anybody."""
ECHO_LIKENESS = 0.6
"""From this share of explained energy on a sound is echo."""
OVER_SHARE = 0.4
"""A segment of which more than this share is left over holds something else than echo."""
MOVE_FROM, MOVE_GAIN = 0.5, 0.2
"""A block is moved if that explains so much of its energy, and so much more than not moving it."""
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


def compare(played: bytes, heard: bytes) -> EchoFinding:
    """Compare what was heard with what was played around that time (both PCM16 mono 16 kHz).

    `played` should begin before `heard` by as much as an echo may be late; the two need not be aligned.
    CPU-bound, about 3 ms per second heard: for a thread.
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
    """Return 8 kHz floats of what a telephone carries, with pre-emphasis (less alike are voices then)."""
    samples = np.frombuffer(pcm[: len(pcm) // 4 * 4], dtype="<i2").astype(np.float32)
    size = _size(len(samples) + _SEGMENT)
    spectrum = np.fft.rfft(samples, size)[: size // 4 + 1]
    hertz = np.linspace(0, _RATE_HZ / 2, len(spectrum))
    # A hard upper edge: what a line cuts off must not fold into the band of one side only.
    band = np.clip((hertz - 120) / 120, 0, 1) * np.clip((3_450 - hertz) / 150, 0, 1)
    weight = band * np.abs(1 - 0.9 * np.exp(-2j * np.pi * hertz / _RATE_HZ)) / 65_536
    narrow = np.fft.irfft(spectrum * weight.astype(np.float32), size // 2)[: len(samples) // 2]
    return np.asarray(narrow, dtype=np.float32)


def _segments(sound: Samples) -> Samples:
    """Return the mean power of each whole segment (of all, if it is not one segment long)."""
    if len(sound) < _SEGMENT:
        return np.full(1, np.mean(sound * sound) if len(sound) else 0, dtype=np.float32)
    whole = sound[: len(sound) // _SEGMENT * _SEGMENT].reshape(-1, _SEGMENT)
    return np.asarray(np.mean(whole * whole, axis=1))


def _size(length: int) -> int:
    """Return a length from `length` on that is fast to transform, and a multiple of 4."""
    step = max(4, (1 << length.bit_length()) // 16)
    return -(-length // step) * step


def _echo(source: Samples, sound: Samples) -> Samples:
    """Return the echo of `source` that takes most out of `sound`; as long as `sound`."""
    echo = np.zeros_like(sound)
    if len(source) < _SHORTEST or len(sound) < _SHORTEST or not source.any():
        return echo
    offset = _offset(source, sound)
    wide = _at(source, offset - _BEFORE, offset + len(sound) + _DRIFT)
    blocks = list(pairwise([*range(0, max(1, len(sound) - _BLOCK + 1), _BLOCK), len(sound)]))
    # With few taps first: a long filter would hold two places at once instead of moving.
    rough = _filtered(wide, sound, _FEW_TAPS)
    moved = wide.copy()
    for begin, end in blocks:
        if shift := _shift(rough[begin : end + _BEFORE + _DRIFT], sound[begin:end]):
            at = _BEFORE + begin
            moved[at : _BEFORE + end] = wide[at + shift : _BEFORE + end + shift]
    model = _filtered(moved, sound, _TAPS)[_BEFORE:]
    for begin, end in blocks:
        block, part = sound[begin:end], model[begin:end]
        power = float(part @ part)
        if power > 0:
            echo[begin:end] = np.float32(max(0.0, float(block @ part) / power)) * part
    return echo


def _shift(model: Samples, block: Samples) -> int:
    """Return by how much later audio of `model` fits the block best (0 unless clearly better).

    `model` begins `_BEFORE` earlier than the block and ends `_DRIFT` later.
    """
    wide = model[_BEFORE - _DRIFT :]
    here = wide[_DRIFT : _DRIFT + len(block)]
    energy = float(block @ block) + 1e-12
    fit = max(0.0, float(block @ here))
    if fit * fit > (1 - MOVE_GAIN) * energy * float(here @ here):
        return 0
    size = _size(len(wide) + len(block))
    product = np.fft.rfft(wide, size) * np.conj(np.fft.rfft(block, size))
    correlation = np.maximum(0, np.fft.irfft(product, size)[: 2 * _DRIFT + 1])
    sums = np.concatenate([[0.0], np.cumsum(wide.astype(np.float64) ** 2)])
    power = sums[len(block) : len(block) + 2 * _DRIFT + 1] - sums[: 2 * _DRIFT + 1]
    explained = correlation**2 / (np.maximum(power, 0.01 * power.max() + 1e-12) * energy)
    best = int(np.argmax(explained))
    # With speech there is always some other place that fits a little better.
    is_better = explained[best] > MOVE_FROM and explained[best] > explained[_DRIFT] + MOVE_GAIN
    return best - _DRIFT if is_better else 0


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


def _filtered(wide: Samples, sound: Samples, most_taps: int) -> Samples:
    """Return `wide` through the filter that brings it closest to `sound` (least squares).

    `wide` begins `_BEFORE` earlier than the sound and ends `_DRIFT` later.
    """
    taps = min(most_taps, len(sound) // _SAMPLES_PER_TAP)
    lead = min(_LEAD_TAPS, taps // 4)
    size = _size(len(wide) + taps)
    source = np.fft.rfft(wide, size)
    auto = np.fft.irfft(np.abs(source) ** 2, size)[:taps]
    target = np.pad(sound, (_BEFORE, _DRIFT))
    cross = np.fft.irfft(np.fft.rfft(target, size) * np.conj(source), size)
    response = _solve_toeplitz(auto, cross[np.arange(taps) - lead])
    filtered = np.fft.irfft(source * np.fft.rfft(response, size), size)
    return np.asarray(np.roll(filtered, -lead)[: len(wide)], dtype=np.float32)


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
