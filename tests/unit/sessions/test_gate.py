"""The gate opens exactly once, with a reason, whatever its holders do."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.sessions.gate import GreetingGate, Hold, Opening, OpenReason

TAIL_S = 0.12


def gate_with(holders: int = 1) -> tuple[GreetingGate, list[Hold]]:
    gate = GreetingGate(echo_tail_s=TAIL_S)
    return gate, [gate.hold(f"agent {number}") for number in range(holders)]


def test_it_is_closed_until_the_echo_tail_after_the_release_is_over() -> None:
    gate, (hold,) = gate_with()

    assert gate.release(hold, 10.0)

    assert not gate.is_open
    assert gate.due_s == pytest.approx(10.12)
    assert gate.poll(10.1) is None
    assert gate.poll(10.12) == Opening(10.12, OpenReason.GREETING_PLAYED)
    assert gate.is_open
    assert gate.due_s is None


def test_it_waits_for_the_last_of_several_greeters() -> None:
    gate, (first, second) = gate_with(2)

    gate.release(first, 10.0)
    assert gate.holders == ("agent 1",)
    assert gate.poll(20.0) is None
    gate.release(second, 20.0)

    assert gate.poll(21.0) == Opening(21.0, OpenReason.GREETING_PLAYED)


def test_a_second_release_of_one_hold_does_not_count_for_the_other() -> None:
    gate, (first, _) = gate_with(2)

    assert gate.release(first, 1.0)
    assert not gate.release(first, 2.0)

    assert gate.poll(100.0) is None


def test_a_greeter_who_comes_during_the_tail_keeps_it_closed() -> None:
    gate, (first,) = gate_with()
    gate.release(first, 10.0)

    second = gate.hold("late")

    assert gate.poll(11.0) is None
    gate.release(second, 12.0)
    assert gate.poll(12.2) is not None


@pytest.mark.parametrize(
    "reason", [reason for reason in OpenReason if reason is not OpenReason.GREETING_PLAYED]
)
def test_what_was_not_played_has_no_tail(reason: OpenReason) -> None:
    gate, (hold,) = gate_with()

    gate.release(hold, 10.0, reason)

    assert gate.poll(10.0) == Opening(10.0, reason)


@pytest.mark.parametrize("reason", list(OpenReason))
def test_open_opens_at_once_whoever_holds_it(reason: OpenReason) -> None:
    gate, _ = gate_with(3)

    assert gate.open(5.0, reason) == Opening(5.0, reason)
    assert gate.holders == ()


def test_nothing_recloses_or_reopens_an_open_gate() -> None:
    gate, (hold,) = gate_with()
    opening = gate.open(5.0, OpenReason.HUNG_UP)

    assert not gate.release(hold, 6.0)
    late = gate.hold("late")
    assert gate.is_open
    assert not gate.release(late, 7.0)
    assert gate.open(8.0, OpenReason.DEADLINE) is None
    assert gate.poll(1000.0) is None
    assert gate.opening == opening


def test_the_deadline_opens_it_and_only_an_earlier_one_counts() -> None:
    gate, _ = gate_with()
    gate.set_deadline(60.0)
    gate.set_deadline(90.0)

    assert gate.due_s == 60.0
    assert gate.poll(59.9) is None
    assert gate.poll(60.0) == Opening(60.0, OpenReason.DEADLINE)


def test_time_zero_is_a_time_like_any_other() -> None:
    gate, (hold,) = gate_with()
    gate.release(hold, 0.0, OpenReason.NO_GREETING)

    assert gate.due_s == 0.0
    assert gate.poll(0.0) is not None


class GateMachine(RuleBasedStateMachine):
    """Any order of holds, releases (also repeated and foreign ones), polls and forced openings."""

    @initialize(deadline_s=st.one_of(st.none(), st.floats(1, 50)))
    def begin(self, deadline_s: float | None) -> None:
        self.gate = GreetingGate(echo_tail_s=TAIL_S)
        self.now = 0.0
        self.held = {self.gate.hold("first")}
        self.given = list(self.held)
        self.openings: list[Opening] = []
        self.deadline_s = deadline_s
        if deadline_s is not None:
            self.gate.set_deadline(deadline_s)

    def _note(self, opening: Opening | None) -> None:
        if opening is not None:
            self.openings.append(opening)

    @rule(step_s=st.floats(0, 5))
    def time_passes(self, step_s: float) -> None:
        self.now += step_s
        self._note(self.gate.poll(self.now))

    @rule()
    def hold(self) -> None:
        hold = self.gate.hold("another")
        self.given.append(hold)
        if not self.gate.is_open:
            self.held.add(hold)

    @rule(data=st.data(), reason=st.sampled_from(OpenReason))
    def release(self, data: st.DataObject, reason: OpenReason) -> None:
        hold = data.draw(st.sampled_from(self.given))
        counted = self.gate.release(hold, self.now, reason)
        assert counted == (hold in self.held and not self.openings)
        self.held.discard(hold)

    @rule(reason=st.sampled_from(OpenReason))
    def force(self, reason: OpenReason) -> None:
        self._note(self.gate.open(self.now, reason))

    @precondition(lambda self: not self.gate.is_open)
    @rule()
    def wait_until_due(self) -> None:
        due_s = self.gate.due_s
        if due_s is not None:
            self.now = max(self.now, due_s)
            self._note(self.gate.poll(self.now))
            assert self.openings

    @invariant()
    def opens_at_most_once_and_says_so(self) -> None:
        assert len(self.openings) <= 1
        assert self.gate.is_open == bool(self.openings)
        if self.openings:
            assert self.gate.opening == self.openings[0]

    @invariant()
    def cannot_stick(self) -> None:
        if not self.gate.is_open:
            has_end = self.deadline_s is not None or not self.held
            assert (self.gate.due_s is not None) == has_end


TestGate = GateMachine.TestCase


@settings(deadline=None)
@given(st.lists(st.sampled_from(OpenReason), min_size=1, max_size=5))
def test_the_last_release_gives_the_reason(reasons: list[OpenReason]) -> None:
    gate, holds = gate_with(len(reasons))

    for hold, reason in zip(holds, reasons, strict=True):
        gate.release(hold, 1.0, reason)

    opening = gate.poll(2.0)
    assert opening is not None
    assert opening.reason is reasons[-1]
