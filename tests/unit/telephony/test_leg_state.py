"""The state table: every call can end from everywhere, and nothing follows the end."""

import pytest

from gateway.errors import InvalidTransition
from telephony.leg_state import LegState, Trigger, next_state


def test_every_state_but_the_last_can_be_ended_by_the_far_end() -> None:
    for state in LegState:
        if state is not LegState.ENDED:
            assert next_state(state, Trigger.DISCONNECT) is LegState.ENDED


@pytest.mark.parametrize("trigger", list(Trigger))
def test_nothing_follows_the_end(trigger: Trigger) -> None:
    with pytest.raises(InvalidTransition):
        next_state(LegState.ENDED, trigger)


def test_media_is_up_only_after_the_ack() -> None:
    for state in LegState:
        if state is not LegState.CONNECTED:
            with pytest.raises(InvalidTransition):
                next_state(state, Trigger.HEAR)
