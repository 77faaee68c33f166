"""Turn taking under random callers, agents and models: what must hold whatever happens."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.turns.actions import (
    InterruptPlayout,
    PausePlayout,
    ResumePlayout,
    TurnDropped,
    TurnEnded,
)
from agents.turns.turn_taker import TurnState
from tests.unit.agents.turns.turn_driver import VAD_START_MS, VAD_STOP_MS, Driver


@dataclass(frozen=True)
class Step:
    pause_ms: int
    speech_ms: int
    words: str
    agent: str


_STEPS = st.lists(
    st.builds(
        Step,
        pause_ms=st.integers(0, 3_500),
        speech_ms=st.integers(VAD_START_MS + 1, 30_000) | st.integers(VAD_START_MS + 1, 1_500),
        words=st.sampled_from(["yeah", "stop", "", "what is it", "Tuesday", "mhm okay"]),
        agent=st.sampled_from(["", "plays", "asks", "falls silent"]),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=100, deadline=None)
@given(
    steps=_STEPS,
    barge_in=st.booleans(),
    probability=st.sampled_from([0.0, 0.3, 0.6, 1.0]),
    recognition_ms=st.integers(10, 3_000),
    score_ms=st.integers(5, 2_000),
    recogniser_fails=st.booleans(),
    model_fails=st.booleans(),
    digits=st.booleans(),
)
def test_whatever_happens(
    steps: list[Step],
    barge_in: bool,
    probability: float,
    recognition_ms: int,
    score_ms: int,
    recogniser_fails: bool,
    model_fails: bool,
    digits: bool,
) -> None:
    driver = Driver(
        barge_in=barge_in,
        probability=probability,
        recognition_ms=recognition_ms,
        score_ms=score_ms,
        recogniser_fails=recogniser_fails,
        model_fails=model_fails,
    )
    driver.taker.expect_digits(digits)
    for number, step in enumerate(steps):
        driver.run(step.pause_ms)
        match step.agent:
            case "plays" | "asks":
                end_s = driver.now_s + 3
                asks = step.agent == "asks"
                driver.take(driver.taker.agent_playing(driver.now_s, end_s, asks))
            case "falls silent":
                driver.take(driver.taker.agent_silent(driver.now_s))
        driver.speak(step.speech_ms, f"{step.words} {number}x" if step.words else "")
        driver.run(step.speech_ms + VAD_STOP_MS)
    driver.run(10_000)
    driver.take(driver.taker.agent_silent(driver.now_s))
    driver.run(10_000)

    assert driver.taker.state is TurnState.IDLE, "a turn is never left undecided"
    assert driver.taker.deadline_s() is None
    if not barge_in:
        assert not driver.of(PausePlayout)
        assert not driver.of(InterruptPlayout)
    is_paused = False
    for _, action in driver.actions:
        match action:
            case PausePlayout():
                assert not is_paused
                is_paused = True
            case ResumePlayout():
                assert is_paused
                is_paused = False
            case InterruptPlayout():
                is_paused = False
    assert not is_paused, "a pause ends"
    if not recogniser_fails:
        told = [
            action.text
            for _, action in driver.actions
            if isinstance(action, TurnEnded | TurnDropped)
        ]
        spoken = [word for text in told for word in text.split() if word.endswith("x")]
        numbers = [f"{n}x" for n, step in enumerate(steps) if step.words]
        assert spoken == numbers, "every word is told once, in order"
