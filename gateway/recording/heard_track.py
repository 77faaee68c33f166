"""The caller's side of a recording: what the ear heard, put where it belongs in time."""

from gateway.model.frame import SAMPLE_BYTES, SAMPLES_PER_MS
from gateway.recording.clock import TapeClock, silence

GAP_MS = 300
"""Sound that is so much behind the clock came after a gap (hold, muted, network gone), which stays silent."""
AHEAD_MS = 100
"""Sound so much ahead of the clock came twice or in a burst after a gap that was filled; its oldest goes."""


class HeardTrack:
    """Sans-I/O. Times are seconds of the monotonic clock; the track begins at `start_s`."""

    def __init__(self, clock: TapeClock, start_s: float) -> None:
        self._clock = clock
        self._waiting = bytearray()
        self._taken = clock.sample(start_s)  # how far it was handed out

    def push(self, pcm: bytes, now: float) -> None:
        """Add what was heard since the last push; its end is what is heard now."""
        due = self._clock.sample(now)
        end = self._taken + (len(self._waiting) + len(pcm)) // SAMPLE_BYTES
        if due - end > GAP_MS * SAMPLES_PER_MS:
            self._waiting += silence(due - end)
        elif end - due > AHEAD_MS * SAMPLES_PER_MS:
            pcm = pcm[(end - due) * SAMPLE_BYTES :]
        self._waiting += pcm

    def take(self, until_s: float) -> bytes:
        """Return the track from where the last one ended until a moment."""
        size = max(0, self._clock.sample(until_s) - self._taken) * SAMPLE_BYTES
        track = bytes(self._waiting[:size])
        del self._waiting[:size]
        self._taken += size // SAMPLE_BYTES
        return track.ljust(size, b"\0")
