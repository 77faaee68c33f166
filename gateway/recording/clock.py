"""Places moments of a call in its recording: seconds of the monotonic clock become samples."""

from gateway.model.frame import RATE_HZ, SAMPLE_BYTES


class TapeClock:
    """Counts samples (16 kHz) from one moment of a call, such as its offer."""

    def __init__(self, origin_s: float) -> None:
        self._origin_s = origin_s

    def sample(self, at_s: float) -> int:
        """Return where a moment lies; moments before the beginning are at 0."""
        return max(0, round((at_s - self._origin_s) * RATE_HZ))


def silence(samples: int) -> bytes:
    """Return PCM16 mono silence."""
    return bytes(max(0, samples) * SAMPLE_BYTES)
