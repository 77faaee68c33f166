"""Every cause at every stage of a call either means that voice failed or is named here as one that does not."""

import pytest

from gateway.channels.fallback.triggers import CallOutcome, Phase, Trigger, trigger_of
from gateway.model.hangup import HangupCause as Cause

ENDED_WELL = {
    Cause.AGENT_HUNG_UP,
    Cause.OPERATOR_HUNG_UP,
    Cause.MAX_DURATION,
    Cause.NO_INPUT,
    Cause.NO_ROUTE,
    Cause.NOT_ALLOWED,
    Cause.REJECTED,
}
LOST = {
    Cause.WORKER_LOST,
    Cause.NO_MEDIA,
    Cause.NO_ACK,
    Cause.SESSION_EXPIRED,
    Cause.DRAINING,
    Cause.OVERLOADED,
    Cause.INTERNAL_ERROR,
}


def outcome(phase: Phase, cause: Cause, *, is_outbound: bool = False) -> CallOutcome:
    return CallOutcome(is_outbound=is_outbound, phase=phase, cause=cause)


@pytest.mark.parametrize("is_outbound", [False, True])
@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("cause", sorted(ENDED_WELL))
def test_a_call_that_ended_as_it_should_triggers_nothing(
    cause: Cause, phase: Phase, is_outbound: bool
) -> None:
    assert trigger_of(outcome(phase, cause, is_outbound=is_outbound)) is None


OF_CALLS_OF_OURS = {Cause.BUSY, Cause.INVALID_NUMBER, Cause.TRUNK_FAILED}


@pytest.mark.parametrize("cause", sorted(set(Cause) - ENDED_WELL - OF_CALLS_OF_OURS))
def test_every_other_cause_before_the_answer_triggers(cause: Cause) -> None:
    assert trigger_of(outcome(Phase.RINGING, cause)) is not None


@pytest.mark.parametrize("is_outbound", [False, True])
@pytest.mark.parametrize("phase", [Phase.GREETING, Phase.TALKING])
@pytest.mark.parametrize("cause", sorted(LOST))
def test_a_lost_call_was_cut(cause: Cause, phase: Phase, is_outbound: bool) -> None:
    assert trigger_of(outcome(phase, cause, is_outbound=is_outbound)) is Trigger.CUT


def test_a_caller_who_hangs_up_is_owed_something_only_until_the_greeting_is_over() -> None:
    told = {phase: trigger_of(outcome(phase, Cause.CALLER_HUNG_UP)) for phase in Phase}
    assert told == {
        Phase.RINGING: Trigger.MISSED,
        Phase.GREETING: Trigger.MISSED,
        Phase.TALKING: None,
    }


def test_whom_we_called() -> None:
    def told(cause: Cause) -> Trigger | None:
        return trigger_of(outcome(Phase.RINGING, cause, is_outbound=True))

    assert told(Cause.NO_ANSWER) is Trigger.NOT_ANSWERED
    assert told(Cause.BUSY) is Trigger.BUSY
    assert told(Cause.TRUNK_FAILED) is Trigger.NOT_ANSWERED
    assert told(Cause.WORKER_LOST) is Trigger.NOT_ANSWERED
    assert told(Cause.REJECTED) is None
    assert told(Cause.INVALID_NUMBER) is None
    assert told(Cause.OPERATOR_HUNG_UP) is None


def test_no_capacity_and_a_failed_agent() -> None:
    assert trigger_of(outcome(Phase.RINGING, Cause.CAPACITY)) is Trigger.REFUSED
    assert {trigger_of(outcome(phase, Cause.AGENT_FAILED)) for phase in Phase} == {
        Trigger.AGENT_FAILED
    }
