"""Tests of gateway/load/shedder.py: it sheds under lasting pressure, recovers, and does not flap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.load.pressure import Level
from gateway.load.shedder import (
    CALM,
    FORGET,
    REST_MOST,
    TRANSITIONS,
    LoadState,
    Shedder,
    Trigger,
)

HOT_S, COOL_S = 3.0, 10.0
L, M, H = Level.LOW, Level.MIDDLE, Level.HIGH


class Run:
    """A shedder that is looked at every second."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.shedder = Shedder(hot_s=HOT_S, cool_s=COOL_S, now_s=0.0)

    def look(self, *levels: Level) -> list[LoadState]:
        states = []
        for level in levels:
            self.now_s += 1.0
            self.shedder.look(level, self.now_s)
            states.append(self.shedder.state)
        return states

    def until(self, state: LoadState, level: Level) -> int:
        """Look at one level until a state is entered; returns the seconds it took."""
        for seconds in range(1, 1000):
            if self.look(level)[0] is state:
                return seconds
        raise AssertionError(f"never {state}")


def test_the_table_names_every_state_and_nothing_leads_nowhere():
    assert {state for state, _ in TRANSITIONS} == set(LoadState) == set(CALM)
    assert set(TRANSITIONS.values()) == set(LoadState)


@pytest.mark.parametrize("state", LoadState)
@pytest.mark.parametrize("trigger", Trigger)
def test_a_trigger_is_in_the_table_or_changes_nothing(state, trigger):
    shedder = Shedder(hot_s=HOT_S, cool_s=COOL_S, now_s=0.0)
    shedder._state = state

    change = shedder._apply(trigger, 1.0)

    assert shedder.state is TRANSITIONS.get((state, trigger), state)
    assert (change is None) == ((state, trigger) not in TRANSITIONS)


def test_pressure_that_passes_sheds_nothing():
    run = Run()
    assert set(run.look(H, H, H, M, H, H, L, H, H, H, L)) == {LoadState.OPEN}


def test_lasting_pressure_sheds_and_a_long_calm_opens_again():
    run = Run()
    assert run.until(LoadState.SHEDDING, H) == HOT_S + 1
    assert not run.shedder.admits()
    assert run.until(LoadState.RECOVERING, L) == COOL_S + 1
    assert [run.shedder.admits() for _ in range(6)] == [True, False] * 3
    assert run.until(LoadState.OPEN, L) == COOL_S + 1
    assert all(run.shedder.admits() for _ in range(6))


def test_between_the_limits_nothing_changes():
    run = Run()
    assert set(run.look(*[M] * 60)) == {LoadState.OPEN}
    run.until(LoadState.SHEDDING, H)
    assert set(run.look(*[M] * 60)) == {LoadState.SHEDDING}


def test_a_calm_that_is_broken_begins_anew():
    run = Run()
    run.until(LoadState.SHEDDING, H)
    run.look(*[L] * 9, M)
    assert run.until(LoadState.RECOVERING, L) == COOL_S + 1


def test_each_relapse_rests_longer_up_to_a_bound():
    run = Run()
    rests = []
    for _ in range(6):
        run.until(LoadState.SHEDDING, H)
        rests.append(run.until(LoadState.RECOVERING, L) - 1)
    assert rests == [10, 20, 40, 80, 80, 80]
    assert max(rests) == COOL_S * REST_MOST


def test_a_long_peace_is_forgiven():
    run = Run()
    for _ in range(3):
        run.until(LoadState.SHEDDING, H)
        run.until(LoadState.RECOVERING, L)
    run.until(LoadState.OPEN, L)
    run.look(*[L] * int(FORGET * COOL_S))

    run.until(LoadState.SHEDDING, H)
    assert run.shedder.rest_s == COOL_S


def test_a_relapse_soon_after_opening_still_counts():
    run = Run()
    run.until(LoadState.SHEDDING, H)
    run.until(LoadState.RECOVERING, L)
    run.until(LoadState.OPEN, L)
    run.until(LoadState.SHEDDING, H)
    assert run.shedder.rest_s == 2 * COOL_S


looks = st.lists(
    st.tuples(st.sampled_from(list(Level)), st.floats(0.0, 30.0, allow_nan=False)), max_size=300
)


@given(looks)
def test_it_never_flaps(looks):
    """Whatever is measured: SHEDDING is entered only after `hot_s` of pressure without a break, left only
    after `cool_s` of calm without one, and so two changes of state are never nearer than `hot_s`."""
    shedder = Shedder(hot_s=HOT_S, cool_s=COOL_S, now_s=0.0)
    now_s = 0.0
    history: list[tuple[float, Level]] = []
    changed_s = 0.0
    for level, later_s in looks:
        now_s += later_s
        history.append((now_s, level))
        change = shedder.look(level, now_s)
        assert (change is None) or change.after is shedder.state
        if change is None:
            continue
        least_s = HOT_S if change.after is LoadState.SHEDDING else COOL_S
        assert now_s - changed_s >= least_s
        wanted = {H} if change.after is LoadState.SHEDDING else CALM[change.before]
        since = [each for at_s, each in history if now_s - least_s <= at_s and at_s > changed_s]
        assert set(since) <= wanted
        changed_s = now_s


@given(looks)
def test_calm_always_opens_in_the_end(looks):
    run = Run()
    for level, later_s in looks:
        run.now_s += later_s
        run.shedder.look(level, run.now_s)

    run.look(*[L] * int(2 * COOL_S * REST_MOST + 2))

    assert run.shedder.state is LoadState.OPEN


@given(looks, st.integers(1, 50))
def test_recovery_takes_half(looks, calls):
    run = Run()
    for level, later_s in looks:
        run.now_s += later_s
        run.shedder.look(level, run.now_s)
    taken = sum(run.shedder.admits() for _ in range(2 * calls))
    assert (
        taken
        == {
            LoadState.OPEN: 2 * calls,
            LoadState.RECOVERING: calls,
            LoadState.SHEDDING: 0,
        }[run.shedder.state]
    )
