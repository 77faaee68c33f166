"""When a failing provider is asked again."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.media.circuit_breaker import BreakerState, CircuitBreaker, Permit


def opened(now: float = 0.0) -> CircuitBreaker:
    breaker = CircuitBreaker(failures=3, open_s=30)
    for _ in range(3):
        permit = breaker.ask(now)
        assert permit is not None
        breaker.failed(permit, now)
    return breaker


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    breaker = CircuitBreaker(failures=2, open_s=30)
    for outcome in ("fail", "success", "fail", "fail"):
        permit = breaker.ask(1.0)
        assert permit is not None
        if outcome == "success":
            breaker.succeeded(permit)
        else:
            breaker.failed(permit, 1.0)

    assert breaker.state(1.0) is BreakerState.OPEN
    assert breaker.ask(30.9) is None


def test_one_probe_decides() -> None:
    breaker = opened()
    probe = breaker.ask(30.0)
    assert probe == Permit(3, is_probe=True)
    assert breaker.ask(30.0) is None

    breaker.succeeded(probe)

    assert breaker.state(30.0) is BreakerState.CLOSED


def test_a_failed_probe_opens_it_again() -> None:
    breaker = opened()
    probe = breaker.ask(30.0)
    assert probe is not None

    breaker.failed(probe, 31.0)

    assert breaker.ask(60.9) is None
    assert breaker.ask(61.0) is not None


def test_a_cancelled_probe_gives_its_place_to_the_next() -> None:
    breaker = opened()
    probe = breaker.ask(30.0)
    assert probe is not None
    breaker.released(probe)

    following = breaker.ask(30.0)

    assert following is not None
    assert following.is_probe


def test_answers_to_old_questions_do_not_decide() -> None:
    breaker = CircuitBreaker(failures=1, open_s=30)
    old, failing = breaker.ask(0.0), breaker.ask(0.0)
    assert old is not None
    assert failing is not None
    breaker.failed(failing, 0.0)

    breaker.succeeded(old)
    breaker.released(old)

    assert breaker.state(1.0) is BreakerState.OPEN


class BreakerMachine(RuleBasedStateMachine):
    """Any order of asking, answering and giving up: it never blocks for ever, never probes twice."""

    @initialize()
    def begin(self) -> None:
        self.breaker = CircuitBreaker(failures=2, open_s=10)
        self.now = 0.0
        self.permits: list[Permit] = []

    @rule(step_s=st.floats(0, 20))
    def time_passes(self, step_s: float) -> None:
        self.now += step_s

    @rule()
    def ask(self) -> None:
        permit = self.breaker.ask(self.now)
        if permit is not None:
            self.permits.append(permit)

    @rule(data=st.data(), outcome=st.sampled_from(["succeeded", "failed", "released"]))
    def answer(self, data: st.DataObject, outcome: str) -> None:
        if not self.permits:
            return
        permit = self.permits.pop(data.draw(st.integers(0, len(self.permits) - 1)))
        if outcome == "failed":
            self.breaker.failed(permit, self.now)
        elif outcome == "succeeded":
            self.breaker.succeeded(permit)
        else:
            self.breaker.released(permit)

    @invariant()
    def probes_one_at_a_time(self) -> None:
        if self.breaker.state(self.now) is not BreakerState.CLOSED:
            assert sum(permit.is_probe for permit in self.permits) <= 1

    def teardown(self) -> None:
        if hasattr(self, "breaker"):
            for permit in self.permits:
                self.breaker.released(permit)
            assert self.breaker.ask(self.now + 10) is not None


TestBreaker = BreakerMachine.TestCase
