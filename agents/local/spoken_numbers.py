"""Says times, dates, fractions and digits in words. Pure.

Plain numbers stay figures where the phonemiser reads them well ("9" in a time, a day, a year).
"""

_DIGITS = {
    "0": "zero",
    "1": "one",
    "2": "two",
    "3": "three",
    "4": "four",
    "5": "five",
    "6": "six",
    "7": "seven",
    "8": "eight",
    "9": "nine",
    "+": "plus",
}
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_PARTS = {
    "2": "half",
    "3": "third",
    "4": "quarter",
    "5": "fifth",
    "6": "sixth",
    "7": "seventh",
    "8": "eighth",
    "9": "ninth",
}
_LETTERS = {"A": "eigh"}
"""Letters that the phonemiser would take for a word when they stand alone."""


def digit_words(digits: str) -> str:
    """Return `digits` (and `+`) one by one: "one two three"."""
    return " ".join(_DIGITS[digit] for digit in digits)


def spelled(code: str) -> str:
    """Return a code character by character, with a short pause at each hyphen."""
    groups = (
        " ".join(_DIGITS.get(char) or _LETTERS.get(char, char) for char in group)
        for group in code.split("-")
        if group
    )
    return ", ".join(groups)


def clock_words(hour: int, minute: int, has_half: bool) -> str:
    """Return a time of day: "9 thirty", "9 oh five", "9 o'clock" (or "9" before "A M")."""
    if minute == 0:
        if has_half:
            return str(hour)
        return f"{hour} o'clock" if 1 <= hour <= 12 else f"{hour or 'zero'} hundred"
    said_hour = "zero" if hour == 0 else str(hour)
    return f"{said_hour} oh {minute}" if minute < 10 else f"{said_hour} {minute}"


def date_words(year: int, month: int, day: int) -> str | None:
    """Return "March 4th, 2025", or None when there is no such month or day."""
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    last = 0 if 11 <= day <= 13 else day % 10
    ending = {1: "st", 2: "nd", 3: "rd"}.get(last, "th")
    return f"{_MONTHS[month - 1]} {day}{ending}, {year}"


def fraction_words(above: str, below: str) -> str:
    """Return "one half", "three quarters", for one-digit numerators and denominators from 2."""
    if above == "1":
        return f"one {_PARTS[below]}"
    plural = "halves" if below == "2" else _PARTS[below] + "s"
    return f"{_DIGITS[above]} {plural}"
