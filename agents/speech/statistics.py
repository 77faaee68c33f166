"""Counts what the speech pool did, for metrics and for people."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

from agents.speech.wire import JobKind
from gateway.model.speech import Urgency

_REMEMBERED = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatistics:
    """A snapshot; counters run since the pool was made."""

    workers: int
    """How many there shall be."""
    pids: tuple[int, ...]
    """The processes that are ready."""
    busy: int
    queued: Mapping[Urgency, int]
    done: Mapping[JobKind, int]
    failed: int
    """Jobs that ended with `ProviderUnavailable` after they had been accepted."""
    refused: int
    """Jobs displaced or turned away because the queue was full."""
    timed_out: int
    restarts: int
    run_p50_ms: Mapping[JobKind, float]
    """Median time in a worker over the last jobs of each kind."""
    wait_p50_ms: Mapping[JobKind, float]
    """Median time in the queue, likewise."""

    @property
    def ready(self) -> int:
        """How many workers can take jobs, or are at one."""
        return len(self.pids)


class Tally:
    """The counters behind a snapshot. Lives on the event loop."""

    def __init__(self) -> None:
        self.done: Counter[JobKind] = Counter()
        self.failed = 0
        self.refused = 0
        self.timed_out = 0
        self.restarts = 0
        self._runs_s = {kind: deque[float](maxlen=_REMEMBERED) for kind in JobKind}
        self._waits_s = {kind: deque[float](maxlen=_REMEMBERED) for kind in JobKind}

    def count_done(self, kind: JobKind, wait_s: float, run_s: float) -> None:
        """Count a job that was done, with its time in the queue and in the worker."""
        self.done[kind] += 1
        self._waits_s[kind].append(wait_s)
        self._runs_s[kind].append(run_s)

    def snapshot(
        self, *, workers: int, pids: tuple[int, ...], busy: int, queued: Mapping[Urgency, int]
    ) -> PoolStatistics:
        """Return the counters together with the pool's present state."""
        return PoolStatistics(
            workers=workers,
            pids=pids,
            busy=busy,
            queued=queued,
            done=dict(self.done),
            failed=self.failed,
            refused=self.refused,
            timed_out=self.timed_out,
            restarts=self.restarts,
            run_p50_ms=_medians_ms(self._runs_s),
            wait_p50_ms=_medians_ms(self._waits_s),
        )


def _medians_ms(samples_s: Mapping[JobKind, deque[float]]) -> dict[JobKind, float]:
    return {
        kind: round(sorted(values)[len(values) // 2] * 1000, 1)
        for kind, values in samples_s.items()
        if values
    }
