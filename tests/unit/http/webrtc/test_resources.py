"""Tests of gateway/http/webrtc/resources.py and conditions.py: names of calls, their bound, and If-Match."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.http.errors import ApiError
from gateway.http.webrtc import conditions
from gateway.http.webrtc.resources import ENDED_KEPT, Resources


def test_names_are_long_and_found_only_once_answered():
    live = {"c_1"}
    resources = Resources(5, lambda: live)
    resource = resources.open("c_1", "ufrag")

    with pytest.raises(ApiError) as unknown:
        resources.find(resource.name)
    resources.answered(resource, "1")

    assert unknown.value.status == 404
    assert len(resource.name) == 32
    assert resources.find_live(resource.name) is resource
    live.clear()
    assert resources.find(resource.name) is resource
    with pytest.raises(ApiError):
        resources.find_live(resource.name)


def test_waiting_offers_count_as_calls():
    resources = Resources(2, lambda: {"c_1"})
    resources.answered(resources.open("c_1", "u"), "1")
    waiting = resources.open("c_2", "u")

    with pytest.raises(ApiError) as full:
        resources.open("c_3", "u")
    resources.refused(waiting)
    resources.open("c_3", "u")

    assert (full.value.status, full.value.code) == (503, "webrtc.full")
    assert full.value.headers["Retry-After"] == "5"


@settings(deadline=None, max_examples=20)
@given(st.lists(st.booleans(), max_size=300))
def test_memory_is_bounded_and_no_running_call_is_forgotten(ends):
    live: set[str] = set()
    resources = Resources(20, lambda: live)
    running = {}
    for number, is_over in enumerate([*ends, *[True] * (ENDED_KEPT + 100)]):
        call_id = f"c_{number}"
        if len(live) >= 20:
            gone = next(iter(running))
            live.discard(gone)
            del running[gone]
        resource = resources.open(call_id, "u")
        live.add(call_id)
        resources.answered(resource, "1")
        running[call_id] = resource
        if is_over:
            live.discard(call_id)
            del running[call_id]

    assert len(resources) <= 20 + ENDED_KEPT
    assert resources.waiting == 0
    assert all(resources.find_live(each.name) is each for each in running.values())


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, 428),
        ("*", None),
        (" * ", None),
        ('"2"', None),
        ('"1", "2"', None),
        ('"1"', 412),
        ('W/"2"', 412),
        ("2", 412),
        ("", 412),
    ],
)
def test_if_match(header, status):
    if status is None:
        conditions.check(header, "2")
        return
    with pytest.raises(ApiError) as refused:
        conditions.check(header, "2")
    assert refused.value.status == status
