"""Every pair of state and trigger is a row of the table or a fault."""

import itertools

import pytest

from gateway.errors import InvalidTransition
from gateway.sessions.state import (
    BEFORE_ANSWER,
    OVER,
    TRANSITIONS,
    SessionState,
    Trigger,
    advance,
    diagram,
)

PAIRS = list(itertools.product(SessionState, Trigger))


@pytest.mark.parametrize(("state", "trigger"), PAIRS)
def test_each_pair_is_a_row_or_raises(state: SessionState, trigger: Trigger) -> None:
    if (state, trigger) in TRANSITIONS:
        assert advance(state, trigger) is TRANSITIONS[state, trigger]
        return
    with pytest.raises(InvalidTransition) as caught:
        advance(state, trigger)
    assert caught.value.state == state
    assert caught.value.trigger == trigger


@pytest.mark.parametrize("state", [state for state in SessionState if state != "ended"])
def test_the_leg_may_end_at_any_moment(state: SessionState) -> None:
    assert advance(state, Trigger.LEG_ENDED) is SessionState.ENDED


def test_nothing_follows_the_end() -> None:
    assert not [pair for pair in TRANSITIONS if pair[0] is SessionState.ENDED]


@pytest.mark.parametrize("state", list(SessionState))
def test_a_call_can_always_be_ended_by_us(state: SessionState) -> None:
    trigger = Trigger.REFUSE if state in BEFORE_ANSWER else Trigger.HANG_UP
    if state is not SessionState.ENDED:
        assert advance(state, trigger) in OVER


def test_every_state_is_reached() -> None:
    assert {SessionState.OFFERED, *TRANSITIONS.values()} == set(SessionState)


def test_diagram_draws_every_row_that_changes_the_state() -> None:
    lines = diagram().splitlines()

    assert lines[0] == "stateDiagram-v2"
    assert "    greeting --> conversing: gate_opened" in lines
    changes = [1 for (before, _), after in TRANSITIONS.items() if before is not after]
    assert len(lines) == 3 + len(changes)
