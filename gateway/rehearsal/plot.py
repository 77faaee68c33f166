"""A picture of a rehearsal: both waveforms on one time axis with the events marked."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gateway.errors import AssetError
from gateway.model.frame import RATE_HZ
from gateway.rehearsal.report import Utterance

_COLOURS = {"caller": "#2f6fb3", "gateway": "#b3562f"}


def _envelope(track: npt.NDArray[np.int16], points: int) -> tuple[npt.NDArray[np.float64], ...]:
    """Return (times in s, low, high) of the track in `points` buckets."""
    size = max(1, len(track) // points)
    count = len(track) // size
    buckets = track[: count * size].reshape(count, size) / 32_768
    times = (np.arange(count) + 0.5) * size / RATE_HZ
    return times, buckets.min(axis=1), buckets.max(axis=1)


def draw(
    path: Path,
    tracks: tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]],
    transcript: Sequence[Utterance],
    events: Sequence[tuple[float, str]],
) -> None:
    """Write a PNG; `events` are (seconds, label). Raises `AssetError` without matplotlib, `OSError`."""
    try:
        # Imported here: a drawing library is too heavy for those who never draw.
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise AssetError("--plot needs matplotlib: pip install 'offhook[plot]'") from error
    seconds = max(len(tracks[0]) / RATE_HZ, 1.0)
    figure = Figure(figsize=(min(30.0, 6 + seconds * 0.45), 5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 1, sharex=True)
    for axis, track, name in zip(axes, tracks, ("caller", "gateway"), strict=True):
        if len(track):
            times, low, high = _envelope(track, 4_000)
            axis.fill_between(times, low, high, color=_COLOURS[name], linewidth=0)
        axis.set_ylim(-1.05, 1.05)
        axis.set_yticks([])
        axis.set_ylabel(name)
        axis.grid(axis="x", color="#dddddd", linewidth=0.5)
        for item in transcript:
            if item.who == name:
                text = item.text if len(item.text) <= 48 else item.text[:47] + "…"
                axis.text(item.start_ms / 1000, 0.9, text, fontsize=7, va="top", wrap=False)
    for at_s, label in events:
        for axis in axes:
            axis.axvline(at_s, color="#444444", linewidth=0.8, linestyle=":")
        axes[1].text(at_s, -1.0, label, fontsize=7, rotation=90, va="bottom", ha="right")
    axes[1].set_xlabel("seconds since media up")
    axes[1].set_xlim(0, seconds)
    figure.savefig(path)
