"""Keys, silence, words over the agent, history, timings: the small pure parts of a conversation."""

import pytest

from agents.conversation.history import History
from agents.conversation.keys import ENTRY_LIMIT, KeyCollector
from agents.conversation.silence import SilenceClock, SilenceStep
from agents.turns.backchannels import Verdict, is_farewell, judge, words_of
from agents.turns.timings import TurnTimings
from gateway.model.line import Role, Said


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("", Verdict.NOISE),
        ("...", Verdict.NOISE),
        ("(coughs)", Verdict.NOISE),
        ("[BLANK_AUDIO]", Verdict.NOISE),
        ("Yeah.", Verdict.BACKCHANNEL),
        ("Mm-hmm, okay.", Verdict.BACKCHANNEL),
        ("I see, got it.", Verdict.BACKCHANNEL),
        ("of course", Verdict.BACKCHANNEL),
        ("Friday", Verdict.ONE_WORD),
        ("yeah Friday", Verdict.WORDS),
        ("what time", Verdict.WORDS),
        ("Hold on!", Verdict.COMMAND),
        ("okay, stop", Verdict.COMMAND),
        ("NO", Verdict.COMMAND),
    ],
)
def test_words_over_the_agent_are_judged(text: str, verdict: Verdict) -> None:
    assert judge(text) is verdict


def test_words_keep_apostrophes_and_lose_everything_else() -> None:
    assert words_of("Don\u2019t — I'm *sighs* 42, ok?") == ["don't", "i'm", "42", "ok"]


@pytest.mark.parametrize(
    ("text", "farewell"),
    [
        ("Bye!", True),
        ("Thank you, bye bye.", True),
        ("Okay thanks have a nice day", True),
        ("okay", False),
        ("bye the way when are you open", False),
        ("", False),
    ],
)
def test_farewells(text: str, farewell: bool) -> None:
    assert is_farewell(text) is farewell


def test_keys_end_with_hash() -> None:
    keys = KeyCollector()

    assert keys.press(0.0, "1") is None
    assert keys.press(0.1, "2") is None
    assert keys.press(0.2, "#") == "12"
    assert not keys.is_collecting


def test_keys_end_by_themselves_when_no_more_come() -> None:
    keys = KeyCollector(inter_digit_s=2.5)

    keys.press(10.0, "1")
    keys.press(12.0, "*")

    assert keys.deadline_s() == 14.5
    assert keys.tick(14.4) is None
    assert keys.tick(14.5) == "1*"
    assert keys.deadline_s() is None


def test_a_lone_hash_is_an_entry() -> None:
    assert KeyCollector().press(0.0, "#") == "#"


def test_endless_keys_are_cut() -> None:
    keys = KeyCollector()

    entries = [keys.press(0.0, "5") for _ in range(ENTRY_LIMIT)]

    assert entries[-1] == "5" * ENTRY_LIMIT
    assert entries[:-1] == [None] * (ENTRY_LIMIT - 1)


def test_silence_reprompts_and_then_gives_up() -> None:
    clock = SilenceClock(9.0, 2)
    steps = []
    now_s = 0.0

    for _ in range(3):
        clock.quiet(now_s)
        clock.quiet(now_s + 5)
        assert clock.tick(now_s + 8.9) is None
        now_s += 9.0
        steps.append(clock.tick(now_s))
        assert clock.tick(now_s) is None

    assert steps == [SilenceStep.REPROMPT, SilenceStep.REPROMPT, SilenceStep.GIVE_UP]


def test_activity_stops_the_clock_and_words_reset_the_count() -> None:
    clock = SilenceClock(9.0, 1)
    clock.quiet(0.0)
    assert clock.tick(9.0) is SilenceStep.REPROMPT

    clock.busy()
    assert clock.deadline_s() is None
    clock.words_heard()
    clock.quiet(20.0)

    assert clock.tick(29.0) is SilenceStep.REPROMPT


def test_without_reprompts_silence_gives_up_at_once() -> None:
    clock = SilenceClock(9.0, 0)
    clock.quiet(0.0)

    assert clock.tick(9.0) is SilenceStep.GIVE_UP


def test_history_numbers_its_lines_and_never_reuses_a_number() -> None:
    history = History((Said(Role.AGENT, "Hello."),), 2)

    serials = [history.user_said(text) for text in ("a", "b", "c")]

    assert serials == sorted(set(serials))
    assert [serial for serial, _ in history.numbered()] == serials[1:]


def test_history_ignores_playbacks_it_does_not_know() -> None:
    history = History((), 5)

    history.heard(7, "x", True)

    assert history.lines() == ()


def test_a_playback_heard_after_the_next_user_line_keeps_its_place() -> None:
    history = History((), 5)
    history.saying(1, "One two three.")
    history.user_said("Stop.")
    history.heard(1, "One", True)

    assert history.lines() == (Said(Role.AGENT, "One", True), Said(Role.USER, "Stop."))


def test_the_parts_of_a_turn_add_up() -> None:
    timings = TurnTimings(
        voiced_end_s=10.0,
        decided_s=10.25,
        recognition_ms=120,
        thinking_s=10.3,
        sentence_s=10.4,
        queued_s=10.55,
        playing_s=10.56,
    )

    facts = timings.facts()

    assert facts == {
        "endpointing_ms": 250.0,
        "recognition_ms": 120,
        "words_late_ms": 50.0,
        "model_ms": 100.0,
        "synthesis_ms": 150.0,
        "first_packet_ms": 10.0,
        "response_ms": 560.0,
    }


def test_an_answer_that_was_never_played_has_no_response_time() -> None:
    facts = TurnTimings(voiced_end_s=1.0, decided_s=1.2, thinking_s=1.2).facts()

    assert "response_ms" not in facts
    assert "model_ms" not in facts
