"""Figures in words."""

import pytest

from agents.local.spoken_numbers import (
    clock_words,
    date_words,
    digit_words,
    fraction_words,
    spelled,
)


def test_digits_one_by_one():
    assert digit_words("+4901") == "plus four nine zero one"


def test_codes_are_spelled_and_pause_at_hyphens():
    assert spelled("XA-12") == "X eigh, one two"


@pytest.mark.parametrize(
    ("hour", "minute", "has_half", "words"),
    [
        (9, 30, False, "9 30"),
        (9, 5, True, "9 oh 5"),
        (9, 0, True, "9"),
        (12, 0, False, "12 o'clock"),
        (14, 0, False, "14 hundred"),
        (0, 15, False, "zero 15"),
        (0, 0, False, "zero hundred"),
    ],
)
def test_times(hour, minute, has_half, words):
    assert clock_words(hour, minute, has_half) == words


@pytest.mark.parametrize(
    ("day", "said"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (12, "12th"), (22, "22nd")]
)
def test_dates(day, said):
    assert date_words(2025, 3, day) == f"March {said}, 2025"


def test_no_such_date():
    assert date_words(2025, 13, 1) is None
    assert date_words(2025, 1, 0) is None


def test_fractions():
    assert fraction_words("1", "2") == "one half"
    assert fraction_words("3", "4") == "three quarters"
    assert fraction_words("3", "2") == "three halves"
