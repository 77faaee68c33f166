"""Hearing: what the gateway knows of a caller's sound, before anybody recognises words.

Implemented by `agents.hearing`; declared here because sessions call it (the caller owns the seam).
Positions are sample counts at 16 kHz since the ear was opened, so they can be compared, subtracted
and read back while the audio is still in the ear's ring buffer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.media.tick import TickListener


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Voice activity began."""

    at_s: float
    """When it was decided, monotonic seconds."""
    start: int
    """Position of the first voiced sample, including a short lead-in."""


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """Voice activity ended."""

    at_s: float
    start: int
    stop: int
    """Position after the last voiced sample (the hang-over is not part of it)."""


SpeechEvent = SpeechStarted | SpeechStopped
SpeechListener = Callable[[SpeechEvent], None]
FrameListener = Callable[[bytes, int], None]
"""Called with one frame (640 bytes) and the position of its first sample."""


class AudioGone(LookupError):
    """The asked-for audio is older than the ring buffer, or not yet there."""


class Ear(Protocol):
    """Hears one caller. Lives on the event loop."""

    @property
    def number(self) -> int:
        """The row number that `AudioTick.ears` uses for this caller."""

    @property
    def position(self) -> int:
        """Samples heard so far."""

    @property
    def is_speaking(self) -> bool:
        """Whether voice activity is going on now."""

    def read(self, start: int, stop: int) -> bytes:
        """Return PCM16 mono 16 kHz for positions `[start, stop)`; raises `AudioGone`."""

    def listen(self, listener: SpeechListener | None) -> None:
        """Send speech events to `listener` from now on (None: to nobody)."""

    def listen_frames(self, listener: FrameListener | None) -> None:
        """Send every frame to `listener` from now on; costs, so only for agents that need it."""

    def close(self) -> None:
        """Forget the caller and free the number; may be called twice."""


class Hearing(TickListener, Protocol):
    """All ears of the gateway, so that voice activity of all calls is one batched model run."""

    def open(self) -> Ear:
        """Open an ear; raises `HearingFull` when all numbers are taken."""
