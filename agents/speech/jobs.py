"""Decides which speech job runs next and which is refused when too many wait. Pure."""

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from agents.speech.wire import JobKind
from gateway.model.speech import Urgency


@dataclass(eq=False, slots=True)
class Job:
    """One job; compared by identity."""

    kind: JobKind
    urgency: Urgency
    data: bytes = field(repr=False)
    """The encoded message."""
    queued_at_s: float
    attempts: int = 0
    """How often it was given to a worker."""


J = TypeVar("J", bound=Job)


class JobQueue(Generic[J]):
    """Waiting jobs, most urgent first, first come first served among equals.

    Bounded: when full, the least urgent job is displaced, the newest of its urgency; that is the
    offered one itself unless it is more urgent than some other.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: dict[Urgency, deque[J]] = {urgency: deque() for urgency in Urgency}

    def __len__(self) -> int:
        return sum(len(jobs) for jobs in self._waiting.values())

    def counts(self) -> dict[Urgency, int]:
        """Return how many jobs wait, by urgency."""
        return {urgency: len(jobs) for urgency, jobs in self._waiting.items()}

    def offer(self, job: J) -> J | None:
        """Add a job; return the job that is displaced for want of room (perhaps `job`), or None."""
        displaced: J | None = None
        if len(self) >= self._limit:
            least = max(urgency for urgency, jobs in self._waiting.items() if jobs)
            if job.urgency >= least:
                return job
            displaced = self._waiting[least].pop()
        self._waiting[job.urgency].append(job)
        return displaced

    def put_back(self, job: J) -> None:
        """Put a job that was taken before at the front of its urgency, even over the limit."""
        self._waiting[job.urgency].appendleft(job)

    def take(self, *, ahead: bool = True) -> J | None:
        """Remove and return the next job; with `ahead` false, jobs of `Urgency.AHEAD` stay."""
        for urgency, jobs in self._waiting.items():
            if jobs and (ahead or urgency != Urgency.AHEAD):
                return jobs.popleft()
        return None

    def discard(self, job: J) -> None:
        """Remove a job that nobody wants any more; nothing happens if it does not wait."""
        if job in self._waiting[job.urgency]:
            self._waiting[job.urgency].remove(job)

    def drain(self) -> list[J]:
        """Remove and return all jobs."""
        jobs = [job for waiting in self._waiting.values() for job in waiting]
        for waiting in self._waiting.values():
            waiting.clear()
        return jobs
