"""What a number may mean to a trunk, however it is written; pure.

Trunks understand more than one spelling: `0049900…` and `49900…` reach whoever `+49900…` does. A rule against
some numbers of the world must fit all their spellings, or it is no guard.
"""

from collections.abc import Sequence

import phonenumbers

_EXITS = ("00", "011")
"""Dialled for `+`: nearly everywhere, and in North America."""
_WORLD_DIGITS = 8
"""Fewer digits without a `+` are a private exchange's own number."""


def of_number(number: str, country: str) -> Sequence[str]:
    """Return a number and how else it may be understood, with its country code."""
    found = [number, *_of_beginning(number, country)]
    if number.isdecimal() and len(number) >= _WORLD_DIGITS:
        found.append(f"+{number}")
        if code := phonenumbers.country_code_for_region(country):
            found.append(f"+{code}{number}")
    return found + [short for one in found if (short := _without_trunk_digits(one)) != one]


def of_prefixes(prefixes: Sequence[str], country: str) -> Sequence[str]:
    """Return beginnings of numbers, and the same with their country codes."""
    return [one for prefix in prefixes for one in (prefix, *_of_beginning(prefix, country))]


def _of_beginning(text: str, country: str) -> list[str]:
    if not text.isdecimal():
        return []
    before = dict.fromkeys(_EXITS, "+")
    if trunk_digits := _trunk_digits(country):
        before.setdefault(trunk_digits, f"+{phonenumbers.country_code_for_region(country)}")
    # Of `00` or `0` alone nothing is left that a rule could be about.
    return [
        code + text.removeprefix(begun)
        for begun, code in before.items()
        if text.startswith(begun) and text != begun
    ]


def can_be_dialled(digits: str) -> bool:
    """Whether what stands behind a `+` leads where its country code says, through every trunk.

    No number of the world goes on, behind the country code, with what is dialled *before* numbers there. A trunk
    that takes the country code off would dial `+49001900…` as `001900…`: somewhere else, past all rules.
    """
    if not digits.isdecimal() or digits.startswith("0"):
        return False
    code = _country_code(digits)
    rest, before = digits.removeprefix(code), _home_digits(code)
    return not rest.startswith(("0", before) if before else "00")


def country_of_premium(number: str) -> str:
    """Return `+` and the country code of a number that the plan there knows to be dear; empty for any other."""
    if not number.startswith("+"):
        return ""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return ""
    is_premium = phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.PREMIUM_RATE
    return f"+{parsed.country_code}" if is_premium else ""


def _without_trunk_digits(number: str) -> str:
    """Return `+49900…` for `+490900…`, and everything else as it is."""
    code = _country_code(number[1:]) if number.startswith("+") else ""
    before = _home_digits(code)
    rest = number[1:].removeprefix(code)
    return f"+{code}{rest.removeprefix(before)}" if before.startswith("0") else number


def _country_code(digits: str) -> str:
    """Return the country code with which digits begin; empty if that is none."""
    beginnings = (digits[:length] for length in (1, 2, 3))
    known = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
    return next((one for one in beginnings if one.isdecimal() and int(one) in known), "")


def _home_digits(code: str) -> str:
    """Return `_trunk_digits` of the country, or the first of the countries, with this code."""
    return _trunk_digits(phonenumbers.region_code_for_country_code(int(code))) if code else ""


def _trunk_digits(country: str) -> str:
    """Return what is dialled there before a number of the same country; empty if nothing is."""
    return phonenumbers.ndd_prefix_for_region(country, True) or ""
