"""Finds telephone numbers in recognised speech, and says them; tolerant of homophones.

Recognisers write the same number in many ways: "oh one two", "012", "double five", "plus forty four",
"for" where "four" was said. Homophones count only beside real digits.
"""

import re

from agents.turns.backchannels import vocabulary

_UNITS = {
    "zero": "0", "nought": "0", "naught": "0", "null": "0",
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5",
    "six": "6", "seven": "7", "eight": "8", "nine": "9", "niner": "9",
}  # fmt: skip
_MAYBE = {
    "oh": "0", "o": "0", "won": "1", "to": "2", "too": "2", "tu": "2", "tree": "3", "free": "3",
    "for": "4", "fore": "4", "fife": "5", "sex": "6", "sicks": "6", "ate": "8", "mine": "9",
}  # fmt: skip
_TEENS = {
    "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14",
    "fifteen": "15", "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19",
}  # fmt: skip
_TENS = {
    "twenty": "2", "thirty": "3", "forty": "4", "fourty": "4", "fifty": "5",
    "sixty": "6", "seventy": "7", "eighty": "8", "ninety": "9",
}  # fmt: skip
_TIMES = {"double": 2, "triple": 3, "treble": 3}
_ZEROS = {"hundred": "00", "thousand": "000"}
_LEADS = vocabulary("is its it's number number's numbers yes okay ok um uh er at on be")
"""Words after which a homophone may begin a number ("my number is oh two …")."""

_NAMES = {
    digit: word
    for word, digit in _UNITS.items()
    if word not in ("nought", "naught", "null", "niner")
}


def parse_digits(text: str) -> str:
    """Return the digits spoken in `text` in order, with a leading `+` if said; empty if none."""
    tokens = re.findall(r"[a-z']+|\d+|\+", text.lower().replace("\u2019", "'"))
    found = ""
    index = 0
    while index < len(tokens):
        length = _run_length(tokens, index)
        run = tokens[index : index + length]
        before = tokens[index - 1] if index else ""
        found += _run_digits(run, is_led=not before or before in _LEADS)
        index += max(1, length)
    return (
        found[0] + found[1:].replace("+", "") if found.startswith("+") else found.replace("+", "")
    )


def _run_length(tokens: list[str], index: int) -> int:
    end = index
    while end < len(tokens) and (_is_certain(tokens[end]) or tokens[end] in _MAYBE):
        end += 1
    return end - index


def _is_certain(token: str) -> bool:
    known = (_UNITS, _TEENS, _TENS, _TIMES, _ZEROS)
    return token.isdigit() or token in ("+", "plus") or any(token in words for words in known)


def _run_digits(run: list[str], is_led: bool) -> str:
    """Return the digits of neighbouring number words; homophones alone must be three or more."""
    if not run or (not any(_is_certain(token) for token in run) and len(run) < 3):
        return ""
    if not is_led:
        # "a message for five five": the homophone belongs to the sentence, not to the number.
        while run and run[0] in ("to", "too", "for", "free", "mine", "won", "ate"):
            run = run[1:]
    digits = ""
    times = 1
    index = 0
    while index < len(run):
        token = run[index]
        following = run[index + 1] if index + 1 < len(run) else ""
        index += 1
        if token in _TIMES:
            times = _TIMES[token]
            continue
        if token in ("+", "plus"):
            piece = "+"
        elif token in _ZEROS:
            piece = _ZEROS[token]
        elif token in _TENS:
            piece = _TENS[token] + "0"
            if _UNITS.get(following, "0") != "0":
                piece = _TENS[token] + _UNITS[following]
                index += 1
        else:
            piece = _TEENS.get(token) or _UNITS.get(token) or _MAYBE.get(token) or token
        digits += piece * times
        times = 1
    return digits


def say_digits(number: str) -> str:
    """Return a number in words, in groups of three with the rest at the end: "one two three, four"."""
    digits = [digit for digit in number if digit in _NAMES]  # those of other scripts have no names
    sizes: list[int] = []
    left = len(digits)
    while left > 4:
        sizes.append(3)
        left -= 3
    sizes.append(left)
    groups: list[str] = []
    at = 0
    for size in sizes:
        groups.append(" ".join(_NAMES[digit] for digit in digits[at : at + size]))
        at += size
    said = ", ".join(group for group in groups if group)
    return f"plus {said}" if number.startswith("+") else said


def own_number(caller: str) -> str:
    """Return the caller's number if it is one that can be called back, else nothing."""
    user = re.sub(r"^(sips?|tel):", "", caller.strip()).split("@")[0]
    bare = re.sub(r"[\s().-]", "", user)
    return bare if re.fullmatch(r"\+?[0-9]{5,15}", bare) else ""
