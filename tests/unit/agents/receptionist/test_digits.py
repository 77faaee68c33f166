"""Telephone numbers out of recognised speech."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.receptionist.digits import own_number, parse_digits, say_digits


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("Oh one two three four five six.", "0123456"),
        ("oh two oh, seven nine four six, oh nine five eight", "02079460958"),
        ("020 7946 0958", "02079460958"),
        ("It's 555-123-4567.", "5551234567"),
        ("My number is 555 1234", "5551234"),
        ("plus four four seven nine double five one two three", "+4479551"
         "23"),
        ("+44 20 7946 0958", "+442079460958"),
        ("double oh seven", "007"),
        ("triple five one two", "55512"),
        ("treble nine", "999"),
        ("five five five, nineteen, forty two", "5551942"),
        ("five five five nineteen forty to", "55519402"),
        ("forty, five", "45"),
        ("eight hundred five five five", "800555"),
        ("one eight hundred flowers", "1800"),
        ("five thousand", "5000"),
        ("two for six ate", "2468"),
        ("Won two three for five six seven", "1234567"),
        ("it's oh to oh seven", "0207"),
        ("five five five to one two three", "5552123"),
        ("a message for five five five one two", "55512"),
        ("I would like to leave a message for John", ""),
        ("call me at too", ""),
        ("thank you for calling", ""),
        ("zero zero four nine six nine", "004969"),
        ("um three oh um two nine", "3029"),
        ("", ""),
    ],
)  # fmt: skip
def test_numbers_are_found_however_they_are_written(text: str, digits: str) -> None:
    assert parse_digits(text) == digits


@given(st.text(alphabet="0123456789", min_size=1, max_size=16), st.booleans())
def test_what_is_said_can_be_parsed_back(digits: str, international: bool) -> None:
    number = "+" + digits if international else digits

    assert parse_digits(say_digits(number)) == number


@given(st.text(max_size=80))
def test_any_text_gives_digits_only(text: str) -> None:
    found = parse_digits(text)

    assert all(char.isdigit() for char in found.removeprefix("+"))


def test_long_numbers_are_said_in_groups() -> None:
    assert say_digits("5551234") == "five five five, one two three four"
    assert say_digits("+15551234567") == (
        "plus one five five, five one two, three four five, six seven"
    )


@pytest.mark.parametrize(
    ("caller", "number"),
    [
        ("+15551234567", "+15551234567"),
        ("sip:02079460958@192.0.2.1", "02079460958"),
        ("020 7946 0958", "02079460958"),
        ("anonymous", ""),
        ("alice", ""),
        ("100", ""),
        ("", ""),
    ],
)
def test_only_callable_numbers_are_offered(caller: str, number: str) -> None:
    assert own_number(caller) == number


def test_digits_of_other_scripts_are_neither_said_nor_called() -> None:
    assert say_digits("೦12") == "one two"
    assert own_number("೦೦೦೦೦೦") == ""
