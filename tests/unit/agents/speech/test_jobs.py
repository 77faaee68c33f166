"""Which job runs next and which is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.speech.jobs import Job, JobQueue
from agents.speech.wire import JobKind
from gateway.model.speech import Urgency


def job(urgency):
    return Job(JobKind.SPEAK, urgency, b"", queued_at_s=0.0)


@pytest.fixture
def queue():
    return JobQueue(limit=3)


def test_the_most_urgent_runs_first_and_equals_in_order(queue):
    ahead, first, second = job(Urgency.AHEAD), job(Urgency.TURN), job(Urgency.TURN)
    for item in (ahead, first, second):
        assert queue.offer(item) is None

    assert [queue.take() for _ in range(4)] == [first, second, ahead, None]


def test_when_full_an_equal_is_refused(queue):
    for _ in range(3):
        queue.offer(job(Urgency.TURN))
    late = job(Urgency.TURN)

    assert queue.offer(late) is late
    assert len(queue) == 3


def test_when_full_a_more_urgent_one_displaces_the_newest_of_the_least_urgent(queue):
    older, newer = job(Urgency.AHEAD), job(Urgency.AHEAD)
    queue.offer(older)
    queue.offer(newer)
    queue.offer(job(Urgency.NEXT_SENTENCE))
    urgent = job(Urgency.TURN)

    assert queue.offer(urgent) is newer
    assert queue.take() is urgent


def test_ahead_work_stays_when_not_wanted(queue):
    ahead = job(Urgency.AHEAD)
    queue.offer(ahead)

    assert queue.take(ahead=False) is None
    assert queue.take() is ahead


def test_a_job_put_back_runs_before_its_equals_even_when_full(queue):
    retried = job(Urgency.TURN)
    for _ in range(3):
        queue.offer(job(Urgency.TURN))

    queue.put_back(retried)

    assert len(queue) == 4
    assert queue.take() is retried


def test_a_discarded_job_is_gone_and_discarding_twice_is_harmless(queue):
    unwanted = job(Urgency.TURN)
    queue.offer(unwanted)

    queue.discard(unwanted)
    queue.discard(unwanted)

    assert queue.take() is None


def test_draining_returns_everything(queue):
    jobs = [job(Urgency.AHEAD), job(Urgency.TURN)]
    for item in jobs:
        queue.offer(item)

    assert set(queue.drain()) == set(jobs)
    assert queue.counts() == dict.fromkeys(Urgency, 0)


@given(st.lists(st.sampled_from(Urgency), max_size=30), st.integers(1, 6))
def test_never_over_the_limit_and_what_remains_is_the_most_urgent(urgencies, limit):
    queue = JobQueue(limit)
    displaced = [gone for gone in (queue.offer(job(urgency)) for urgency in urgencies) if gone]

    left = queue.drain()

    assert len(left) == min(limit, len(urgencies))
    assert len(left) + len(displaced) == len(urgencies)
    assert sorted(item.urgency for item in left) == sorted(urgencies)[: len(left)]
