"""One tick of a media clock: a 20 ms frame from each caller of one endpoint, in one array."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class AudioTick:
    """Audio of many callers, taken at one tick.

    The arrays may be views into a receive buffer: copy what must outlive the call they are given to.
    """

    at_s: float
    """When the tick happened, monotonic seconds, on the endpoint's clock."""
    ears: npt.NDArray[np.int32]
    """Shape (n,): the ear number of each row, as given out by `Hearing.open`."""
    pcm: npt.NDArray[np.int16]
    """Shape (n, 320): PCM16 mono 16 kHz, one frame a row."""


class TickListener(Protocol):
    """Takes every tick of every endpoint, on the event loop; must return within a millisecond."""

    def on_tick(self, tick: AudioTick) -> None: ...
