"""Turn taking and interruption: tables of what is heard and when what is decided."""

import pytest

from agents.hearing import activity
from agents.turns import audio as turn_audio
from agents.turns.actions import (
    DropReason,
    EndReason,
    InterruptPlayout,
    PausePlayout,
    Recognise,
    ResumePlayout,
    Score,
    TurnDropped,
    TurnEnded,
)
from agents.turns.turn_taker import MOVES, TurnState, TurnTaker
from gateway.config import TurnsSection
from gateway.errors import InvalidTransition
from tests.unit.agents.turns.turn_driver import Driver


def ended(driver: Driver) -> TurnEnded:
    [turn] = driver.of(TurnEnded)
    assert isinstance(turn, TurnEnded)
    return turn


@pytest.mark.parametrize(
    ("probability", "reason", "silence_ms"),
    [
        (0.9, EndReason.MODEL, 245),
        (0.5, EndReason.MODEL, 245),
        (0.4, EndReason.MODEL, 545),
        (0.25, EndReason.MODEL, 1_245),
        (0.1, EndReason.SILENCE, 2_500),
    ],
)
def test_the_surer_the_model_the_shorter_the_silence(
    probability: float, reason: EndReason, silence_ms: int
) -> None:
    driver = Driver(probability=probability)

    driver.speak(1_000, "hello")
    driver.run(5_000)

    turn = ended(driver)
    assert turn.text == "hello"
    assert turn.reason is reason
    assert (turn.decided_s - turn.voiced_end_s) * 1000 == pytest.approx(silence_ms, abs=2)
    assert turn.voiced_end_s == pytest.approx(101.0, abs=0.001)


def test_words_and_model_are_asked_together_at_the_first_silence() -> None:
    driver = Driver()

    driver.speak(1_000)
    driver.run(5_000)

    assert driver.moments(Recognise) == pytest.approx([101.2], abs=0.001)
    assert driver.moments(Score)[0] == driver.moments(Recognise)[0]


def test_a_turn_waits_for_its_words() -> None:
    driver = Driver(recognition_ms=900)

    driver.speak(1_000)
    driver.run(5_000)

    assert driver.moments(TurnEnded) == pytest.approx([102.1], abs=0.001)
    assert ended(driver).recognition_ms == pytest.approx(900, abs=1)


@pytest.mark.parametrize("gap_ms", [150, 230, 400, 900, 2_000])
def test_speech_that_goes_on_before_the_decision_joins_the_turn(gap_ms: int) -> None:
    driver = Driver(probability=0.1)

    driver.speak(800, "I would like")
    driver.run(800 + gap_ms)
    driver.speak(900, "to order")
    driver.run(6_000)

    turn = ended(driver)
    assert turn.text == "I would like to order"
    assert len(turn.segments) == 2
    assert turn.voiced_ms == pytest.approx(1_700, abs=1)


def test_speech_that_goes_on_before_the_words_are_known_joins_the_turn_too() -> None:
    driver = Driver(recognition_ms=600)

    driver.speak(800, "one")
    driver.run(800 + 400)
    assert driver.taker.state is TurnState.DECIDED
    driver.speak(500, "two")
    driver.run(5_000)

    assert ended(driver).text == "one two"


def test_answers_that_are_out_of_date_change_nothing() -> None:
    driver = Driver(recognition_ms=600, score_ms=600)

    driver.speak(800, "one")
    driver.run(800 + 250)
    driver.speak(500, "two")
    driver.run(250)

    assert driver.taker.recognised(driver.now_s, 1, "stale") == []
    assert driver.taker.scored(driver.now_s, 2, 1.0) == []
    driver.run(5_000)
    assert ended(driver).text == "one two"


def test_expected_digits_get_a_longer_pause() -> None:
    driver = Driver(probability=0.99)
    driver.taker.expect_digits(True)

    driver.speak(800, "oh one two")
    driver.run(800 + 1_300)
    assert driver.of(TurnEnded) == []
    driver.speak(800, "three four")
    driver.run(4_000)

    turn = ended(driver)
    assert turn.text == "oh one two three four"
    assert turn.reason is EndReason.DIGITS
    assert (turn.decided_s - turn.voiced_end_s) * 1000 == pytest.approx(1_500, abs=2)


def test_a_broken_model_is_replaced_by_silence() -> None:
    driver = Driver(model_fails=True)

    driver.speak(800)
    driver.run(5_000)

    turn = ended(driver)
    assert turn.reason is EndReason.FALLBACK
    assert (turn.decided_s - turn.voiced_end_s) * 1000 == pytest.approx(700, abs=2)


def test_a_failed_recognition_is_told() -> None:
    driver = Driver(recogniser_fails=True)

    driver.speak(800)
    driver.run(5_000)

    assert ended(driver).is_failed
    assert ended(driver).text == ""


def test_sound_without_words_is_no_turn() -> None:
    driver = Driver()

    driver.speak(300, "")
    driver.run(5_000)

    [dropped] = driver.of(TurnDropped)
    assert isinstance(dropped, TurnDropped)
    assert dropped.reason is DropReason.NOISE
    assert not dropped.interrupted_agent
    assert driver.taker.is_floor_free


@pytest.mark.parametrize("is_speaking", [False, True])
def test_held_speech_is_one_turn(is_speaking: bool) -> None:
    driver = Driver()
    driver.now_s = 103.0
    driver.words = [(8_000, 16_000, "when are"), (24_000, 47_000, "you open")]
    segments = ((8_000, 16_000), (24_000, 40_000 if is_speaking else 47_000))

    driver.take(driver.taker.held(driver.now_s, driver.position, segments, is_speaking))
    if is_speaking:
        driver.run(50)
        driver.take(driver.taker.caller_stopped(driver.now_s, driver.position, 24_000, 47_000))
    driver.run(4_000)

    assert ended(driver).text == "when are you open"


def test_a_long_turn_is_recognised_in_parts_and_nothing_is_lost() -> None:
    driver = Driver(probability=0.0)

    for number in range(12):
        driver.speak(4_000, str(number))
        driver.run(4_400)
    driver.run(5_000)

    assert ended(driver).text.split() == [str(number) for number in range(12)]
    asked = [action for action in driver.of(Recognise) if isinstance(action, Recognise)]
    assert max(ask.stop - ask.start for ask in asked) <= 25 * 16_000


def test_speech_without_any_pause_is_handed_over_after_two_minutes() -> None:
    driver = Driver()

    driver.speak(150_000, "on and on")
    driver.run(130_000)

    assert ended(driver).reason is EndReason.LIMIT
    assert driver.taker.state is TurnState.SPEAKING


# Over the agent's speech ----------------------------------------------------------------------------


def over(text: str, ms: float, **settings: object) -> Driver:
    """Speak over an agent that has 20 s more to say; returns after 5 s."""
    driver = Driver(**settings)  # type: ignore[arg-type]
    driver.take(driver.taker.agent_playing(driver.now_s, driver.now_s + 20, False))
    driver.run(500)
    driver.speak(ms, text)
    driver.run(5_000)
    return driver


@pytest.mark.parametrize(
    ("text", "ms", "interrupts", "reason"),
    [
        ("yeah", 300, False, ""),
        ("Mm-hmm.", 400, False, ""),
        ("okay right", 450, False, ""),
        ("I see.", 450, False, ""),
        ("", 400, False, ""),
        ("[BLANK_AUDIO]", 400, False, ""),
        ("Tuesday", 400, False, ""),
        ("stop", 300, True, "command"),
        ("no", 200, True, "command"),
        ("Wait!", 300, True, "command"),
        ("hold on", 400, True, "command"),
        ("operator", 450, True, "command"),
        ("on Tuesday", 400, True, "words"),
        ("yeah but when", 450, True, "words"),
        ("what about the weekend", 900, True, "speech"),
        ("yeah yeah yeah yeah", 1_000, True, "speech"),
    ],
)
def test_what_interrupts_the_agent(text: str, ms: float, interrupts: bool, reason: str) -> None:
    driver = over(text, ms)

    interruptions = [a for a in driver.of(InterruptPlayout) if isinstance(a, InterruptPlayout)]
    assert [action.reason for action in interruptions] == ([reason] if interrupts else [])
    assert len(driver.of(TurnEnded)) == (1 if interrupts else 0)
    assert len(driver.of(TurnDropped)) == (0 if interrupts else 1)
    pauses = len(driver.of(PausePlayout))
    assert pauses == 1 if ms >= 300 else pauses <= 1
    if driver.of(PausePlayout) and not interrupts:
        assert len(driver.of(ResumePlayout)) == 1


def test_the_decision_comes_in_time() -> None:
    driver = over("what about the weekend", 900)

    assert driver.moments(PausePlayout) == pytest.approx([100.7], abs=0.001)
    assert driver.moments(InterruptPlayout) == pytest.approx([101.128], abs=0.001)
    [pause] = driver.of(PausePlayout)
    assert isinstance(pause, PausePlayout)
    assert pause.onset_to_decision_ms <= 350


@pytest.mark.parametrize(("gap_ms", "turns"), [(250, 1), (400, 1), (700, 2)])
def test_who_breaks_in_with_a_word_may_go_on(gap_ms: int, turns: int) -> None:
    driver = Driver()
    driver.take(driver.taker.agent_playing(driver.now_s, driver.now_s + 20, False))
    driver.run(500)
    driver.speak(400, "no")
    driver.run(400 + gap_ms)
    driver.speak(900, "what about the weekend")
    driver.run(5_000)

    assert len(driver.of(TurnEnded)) == turns
    assert len(driver.of(InterruptPlayout)) == 1


def test_a_single_length_of_silence_holds_for_short_interruptions_too() -> None:
    driver = over("stop", 300, settings=TurnsSection(silence_ms=(200,), thresholds=(0.5,)))

    assert ended(driver).reason is EndReason.MODEL


def test_a_false_alarm_resumes_when_it_should() -> None:
    driver = over("mhm", 400)

    assert driver.moments(ResumePlayout) == pytest.approx([100.9 + 1.0], abs=0.001)


def test_late_words_do_not_keep_the_agent_silent_but_still_count() -> None:
    driver = over("stop that now", 400, recognition_ms=1_500)

    assert driver.moments(ResumePlayout) == pytest.approx([101.9], abs=0.001)
    assert driver.moments(InterruptPlayout) == pytest.approx([102.6], abs=0.001)
    assert ended(driver).text == "stop that now"


def test_short_sounds_add_up_to_an_interruption() -> None:
    driver = Driver(probability=0.0)
    driver.take(driver.taker.agent_playing(driver.now_s, driver.now_s + 20, False))
    for _ in range(3):
        driver.speak(220, "and")
        driver.run(320)
    driver.run(5_000)

    assert len(driver.of(InterruptPlayout)) == 1


def test_an_agent_that_may_not_be_interrupted_is_not() -> None:
    driver = over("what about the weekend", 900, barge_in=False)

    assert driver.of(PausePlayout) == []
    assert driver.of(InterruptPlayout) == []
    assert driver.of(TurnEnded) == []
    driver.take(driver.taker.agent_silent(driver.now_s))
    assert ended(driver).text == "what about the weekend"


@pytest.mark.parametrize(
    ("asked", "ends_in_s", "is_turn"),
    [(True, 0.3, True), (True, 5.0, False), (False, 0.3, False)],
)
def test_a_short_answer_over_the_end_of_a_question(
    asked: bool, ends_in_s: float, is_turn: bool
) -> None:
    driver = Driver()
    driver.take(driver.taker.agent_playing(driver.now_s, driver.now_s + ends_in_s, asked))
    driver.speak(220, "yeah")
    if ends_in_s < 1:
        driver.run(ends_in_s * 1000)
        driver.take(driver.taker.agent_silent(driver.now_s))
    driver.run(4_000)

    assert bool(driver.of(TurnEnded)) is is_turn


def test_a_yes_after_a_finished_question_is_an_answer() -> None:
    driver = Driver()
    driver.take(driver.taker.agent_playing(driver.now_s, driver.now_s + 1, True))
    driver.run(1_000)
    driver.take(driver.taker.agent_silent(driver.now_s))
    driver.run(300)
    driver.speak(300, "okay")
    driver.run(3_000)

    assert ended(driver).text == "okay"


def test_speech_that_was_there_before_the_agent_counts_from_the_agents_beginning() -> None:
    driver = Driver()
    driver.speak(3_000, "let me tell you")
    driver.run(1_000)
    driver.take(driver.taker.agent_playing(driver.now_s, driver.now_s + 10, False))
    driver.run(6_000)

    assert driver.moments(PausePlayout) == pytest.approx([101.2], abs=0.001)
    assert driver.moments(InterruptPlayout) == pytest.approx([101.628], abs=0.001)


def test_wordless_sound_stops_the_agent_only_twice() -> None:
    driver = Driver()
    for _ in range(4):
        driver.take(driver.taker.agent_playing(driver.now_s, driver.now_s + 20, False))
        driver.speak(800, "")
        driver.run(4_000)

    assert len(driver.of(InterruptPlayout)) == 2
    drops = [action for action in driver.of(TurnDropped) if isinstance(action, TurnDropped)]
    assert [drop.interrupted_agent for drop in drops] == [True, True, False, False]


@pytest.mark.parametrize("state", list(TurnState))
@pytest.mark.parametrize("target", list(TurnState))
def test_every_move_is_in_the_table_or_refused(state: TurnState, target: TurnState) -> None:
    taker = TurnTaker(TurnsSection())
    taker._state = state

    if target in MOVES[state]:
        taker._move(target)
        assert taker.state is target
    else:
        with pytest.raises(InvalidTransition):
            taker._move(target)


def test_the_delays_of_voice_activity_are_known() -> None:
    chunk_ms = activity.CHUNK_SAMPLES / 16

    assert turn_audio.LEAD_IN_MS == activity.LEAD_IN_SAMPLES / 16
    assert activity.START_CHUNKS * chunk_ms == turn_audio.NOTICED_AFTER_MS
    assert activity.STOP_CHUNKS * chunk_ms == turn_audio.HANG_OVER_MS
