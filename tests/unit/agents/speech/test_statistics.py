"""The pool's counters."""

from agents.speech.statistics import Tally
from agents.speech.wire import JobKind


def test_medians_are_in_milliseconds_by_kind():
    tally = Tally()
    for run_s in (0.1, 0.3, 0.2):
        tally.count_done(JobKind.SPEAK, wait_s=0.01, run_s=run_s)

    snapshot = tally.snapshot(workers=2, pids=(7,), busy=1, queued={})

    assert snapshot.ready == 1
    assert snapshot.done == {JobKind.SPEAK: 3}
    assert snapshot.run_p50_ms == {JobKind.SPEAK: 200.0}
    assert snapshot.wait_p50_ms == {JobKind.SPEAK: 10.0}


def test_a_snapshot_does_not_change_afterwards():
    tally = Tally()
    snapshot = tally.snapshot(workers=1, pids=(), busy=0, queued={})
    tally.count_done(JobKind.EMBED, 0, 0)

    assert snapshot.done == {}
