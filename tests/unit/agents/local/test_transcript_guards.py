"""When a transcript is not believed."""

import pytest

from agents.local.transcript_guards import (
    is_hallucination,
    is_implausible,
    is_too_fast,
    looping_from,
    without_loop,
    words_of,
)

LOOP = "it was the season of light, it was the season of light, it was the season of light"


def test_words_are_lower_case_without_punctuation():
    assert words_of("It's 10:30 -- OK?") == ["it's", "10", "30", "ok"]


def test_a_loop_is_found_where_it_starts_again():
    assert looping_from(words_of(LOOP)) == 6


def test_four_repeated_words_are_no_loop():
    assert looping_from(words_of("one two three four one two three four")) is None


def test_a_loop_is_cut_at_its_second_beginning():
    assert without_loop(LOOP) == "it was the season of light"


def test_text_without_loop_is_untouched():
    assert without_loop("Yes, please. ") == "Yes, please. "


@pytest.mark.parametrize(
    ("text", "duration_s", "cut_off", "redo"),
    [
        ("yes please", 1.0, False, False),
        ("yes please", 1.0, True, True),
        (LOOP, 20.0, False, True),
        ("a b c d e f g h i j k l", 2.0, False, True),
        ("a b c d e f g h i j k", 2.0, False, False),
        ("yes", 0.12, False, False),
    ],
)
def test_what_is_redone(text, duration_s, cut_off, redo):
    assert is_implausible(text, duration_s, cut_off=cut_off) is redo


def test_two_words_are_never_too_fast():
    assert not is_too_fast("yes please", 0.2)


@pytest.mark.parametrize(
    ("text", "duration_s", "no_speech", "log_probability", "invented"),
    [
        ("you", 0.5, 0.1, -0.5, True),
        ("You.", 1.5, 0.1, -0.5, False),
        ("you", 1.5, 0.9, -0.5, True),
        ("Thank you.", 1.0, 0.2, -0.3, False),
        ("Thanks for watching!", 2.0, 0.7, -0.3, True),
        ("I need a plumber", 2.0, 0.7, -0.3, False),
        ("I need a plumber", 2.0, 0.7, -1.4, True),
        (" . . . ", 2.0, 0.1, -0.3, True),
        ("", 2.0, 0.0, 0.0, True),
        ("No.", 0.4, 0.3, -0.6, False),
    ],
)
def test_what_was_heard_in_silence(text, duration_s, no_speech, log_probability, invented):
    assert is_hallucination(text, duration_s, no_speech, log_probability) is invented
