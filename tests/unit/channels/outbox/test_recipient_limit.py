"""Tests of gateway/channels/outbox/recipient_limit.py."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.channels.outbox.recipient_limit import RecipientLimit


def test_a_burst_goes_at_once_and_then_a_steady_pace():
    limit = RecipientLimit(burst=3, interval_s=4.0)
    for _ in range(3):
        assert limit.wait_s("ann", 100.0) == 0.0
        limit.take("ann", 100.0)

    assert limit.wait_s("ann", 100.0) == 4.0
    assert limit.wait_s("ben", 100.0) == 0.0
    assert limit.wait_s("ann", 104.0) == 0.0
    limit.take("ann", 104.0)
    assert limit.wait_s("ann", 104.0) == 4.0
    # After a pause there may be a burst again.
    assert limit.wait_s("ann", 200.0) == 0.0


@given(st.lists(st.floats(0.0, 10.0), max_size=60))
def test_no_stretch_of_time_has_more_than_burst_and_pace_allow(gaps):
    limit, now, sent = RecipientLimit(burst=3, interval_s=4.0), 0.0, []
    for gap in gaps:
        now += gap
        if limit.wait_s("ann", now) <= 0:
            limit.take("ann", now)
            sent.append(now)

    for first in range(len(sent)):
        for last in range(first, len(sent)):
            allowed = 3 + (sent[last] - sent[first]) / 4.0
            assert last - first + 1 <= allowed + 1e-6


def test_of_too_many_people_the_one_heard_of_longest_ago_is_forgotten():
    limit = RecipientLimit(burst=1, interval_s=4.0, people_most=2)
    for person in ("ann", "ben", "cem"):
        limit.take(person, 0.0)

    assert limit.wait_s("ann", 0.0) == 0.0
    assert limit.wait_s("ben", 0.0) == 4.0
