import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.channels.keywords import Keyword, keyword

STOPS = ["STOP", "Unsubscribe", "end", "QUIT", "stopall", "REVOKE", "OptOut", "cancel"]


@pytest.mark.parametrize("word", STOPS)
def test_every_word_of_the_stop_family_stops(word: str) -> None:
    for text in (word, word.lower(), f"  {word}\n", f"{word}.", f"“{word}!”", f"{word}"):
        assert keyword(text) is Keyword.STOP


@pytest.mark.parametrize(
    "text", ["opt-out", "Opt out", "STOP ALL", "opt\u2011out", "Opt – out", "stop-all"]
)
def test_other_spellings_stop(text: str) -> None:
    assert keyword(text) is Keyword.STOP


@pytest.mark.parametrize(
    "text",
    [
        "STOP\u200b",
        "\ufeffstop",
        "\u200fstop\u200e",
        "S\u00adTOP",
        "ＳＴＯＰ",
        "«Stop»",
        "(stop)",
        "stop。",
        "STOP 🛑",
        "stop ❤\ufe0f",
        "🙏🏽 stop",
        "/stop",
        "STOP\u00a0",
        "¡Stop!",
        "- stop -",
    ],
)
def test_signs_around_a_word_and_those_that_nobody_sees_do_not_count(text: str) -> None:
    assert keyword(text) is Keyword.STOP


@pytest.mark.parametrize("text", ["Cancel?", "stop?!", "2 stop", "stop 2", "🛑", "…", "?"])
def test_questions_numbers_and_signs_alone_are_none(text: str) -> None:
    assert keyword(text) is None


def test_start_and_help() -> None:
    assert keyword("Start") is keyword("UNSTOP") is Keyword.START
    assert keyword("help!") is keyword("INFO") is Keyword.HELP


def test_yes_is_an_answer_unless_the_person_has_stopped() -> None:
    assert keyword("Yes") is None
    assert keyword("Yes", is_opted_out=True) is Keyword.START


@pytest.mark.parametrize(
    "text",
    ["", "please stop calling", "stop it", "non-stop", "start over", "cancel my visit", "s t o p"],
)
def test_a_keyword_within_a_sentence_is_none(text: str) -> None:
    assert keyword(text) is None


@given(st.sampled_from(STOPS), st.text(st.characters(categories=["Ll", "Lu", "Nd"]), min_size=1))
def test_more_letters_make_another_word(word: str, more: str) -> None:
    assert keyword(f"{word} {more} please") is None


def test_a_giant_text_is_not_looked_at() -> None:
    assert keyword(" " * 1_000_000 + "stop") is None
