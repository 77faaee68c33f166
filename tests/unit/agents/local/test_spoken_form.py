"""How written text is said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.local.spoken_form import SpokenWord, spoken_form


def said(text):
    return " ".join(word.spoken for word in spoken_form(text) if word.spoken)


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Hello, how are you?", "Hello, how are you?"),
        ("Call 555-1234 now.", "Call five five five, one two three four now."),
        (
            "My number is 020 7946 0018.",
            "My number is zero two zero, seven nine four six, zero zero one eight.",
        ),
        ("+49 30 1234567", "plus four nine, three zero, one two three four five six seven"),
        ("(555) 010-9999", "five five five, zero one zero, nine nine nine nine"),
        ("Dial 007.", "Dial zero zero seven."),
        ("The code 1234", "The code one two three four"),
        ("order number is 34567.", "order number is three four five six seven."),
        ("At 10:30 am", "At 10 30 eigh M"),
        ("10:30pm", "10 30 P M"),
        ("See you at 7 p.m.", "See you at 7 P M."),
        ("9am-5pm", "9 eigh M to 5 P M"),
        ("12:00", "12 o'clock"),
        ("open 9-5 on Mon.", "open 9 to 5 on Monday."),
        ("on 3/4/2025", "on March 4th, 2025"),
        ("on 2025-12-24", "on December 24th, 2025"),
        ("13/13/2025", "13 13 2025"),
        ("It costs $1,234.50.", "It costs $1,234.50."),
        ("In 1999, 3.14 and 1,234,567", "In 1999, 3.14 and 1,234,567"),
        ("50% off", "50% off"),
        ("-5 degrees, 20°C", "-5 degrees, 20 degrees Celsius"),
        ("1/2 cup, 24/7", "one half cup, twenty-four seven"),
        ("Dr. Smith, 5th St.", "Doctor Smith, 5th Street."),
        ("St. Mary", "Saint Mary"),
        ("No. 5 and #7", "number 5 and number 7"),
        ("e.g. this", "for example this"),
        ("Order A-1234-XZ", "Order eigh, one two three four, X Z"),
        ("MP3", "MP3"),
        ("info@example.com", "info at example dot com"),
        ("See https://www.example.com/a.", "See example dot com slash a."),
        ("Tom & Jerry", "Tom and Jerry"),
        ("**Bold** _it_ `x`", "Bold it x"),
        ("Größe, café", "Grosse, cafe"),
        ("What\u2019s \u201cup\u201d\u2026", "What's up..."),
        ("Hello\n\n  world", "Hello world"),
    ],
)
def test_written_and_said(written, spoken):
    assert said(written) == spoken


@pytest.mark.parametrize("text", ["", "   ", "\U0001f600", ":-)", "中文", "* - _"])
def test_nothing_to_say(text):
    assert not any(char.isalnum() for char in said(text))


def test_each_written_word_keeps_its_place():
    assert spoken_form("Call 555 1234 \U0001f600 now") == (
        SpokenWord("Call", "Call"),
        SpokenWord("555", "five five five,"),
        SpokenWord("1234", "one two three four"),
        SpokenWord("\U0001f600", ""),
        SpokenWord("now", "now"),
    )


@given(st.text(max_size=80))
def test_any_text_gives_its_words_and_only_sayable_characters(text):
    words = spoken_form(text)

    spoken = "".join(word.spoken for word in words)
    assert all(char.isascii() or char in "€£" for char in spoken)
    assert all(word.written for word in words)


@given(st.text(alphabet="0123456789 .,:-/+()apmAPM$%#", max_size=40))
def test_any_figures_lose_no_digit_word(text):
    """Rules overlap in many ways on figures; none may raise, and no word may vanish."""
    words = spoken_form(text)

    assert [word.written for word in words] == text.split()
    assert all(word.spoken for word in words if any(char in "123456789" for char in word.written))
