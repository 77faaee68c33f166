"""Adds up media counters over the streams of one call; pure.

PJSIP makes a new stream, with counters from nought, after each re-INVITE that changes media.
"""

from dataclasses import replace

from gateway.link.leg_reports import Quality


class StreamCounters:
    """Counters since the beginning of the call, from samples of its present stream."""

    def __init__(self) -> None:
        self._before: Quality | None = None
        """Sums of the streams that have ended."""
        self._sample: Quality | None = None

    def sample(self, quality: Quality) -> None:
        """Take the counters of the present stream."""
        self._sample = quality

    def end_stream(self) -> None:
        """The present stream ends; the next sample is of a new one."""
        self._before = self.total
        self._sample = None

    @property
    def total(self) -> Quality | None:
        """Counters of all streams; jitter and round trip of the last. None before any sample."""
        before, now = self._before, self._sample
        if before is None or now is None:
            return now or before
        return replace(
            now,
            packets_in=before.packets_in + now.packets_in,
            packets_out=before.packets_out + now.packets_out,
            packets_lost_in=before.packets_lost_in + now.packets_lost_in,
            packets_lost_out=before.packets_lost_out + now.packets_lost_out,
        )
