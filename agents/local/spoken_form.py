"""Rewrites text the way it is read aloud on the telephone, keeping track of which word became what.

The phonemiser reads words, cardinals, years and money well, but not clock times, dates, telephone
numbers, codes, addresses or Markdown; those are spelled out here. American English. Pure.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agents.local.spoken_numbers import (
    clock_words,
    date_words,
    digit_words,
    fraction_words,
    spelled,
)


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """One written word and how it is said."""

    written: str
    spoken: str
    """Plain ASCII words and punctuation; empty when there is nothing to say (an emoji)."""


def spoken_form(text: str) -> tuple[SpokenWord, ...]:
    """Return the words of `text` (what white space separates) with their spoken forms."""
    text = " ".join(text.translate(_LOOK_ALIKES).split())
    pieces: list[tuple[int, int, str]] = []
    for pattern, expand in _RULES:
        for match in pattern.finditer(text):
            if not any(s < match.end() and match.start() < e for s, e, _ in pieces):
                pieces.extend(expand(match))
    pieces.sort()
    return tuple(
        SpokenWord(text[start:end], _sayable(_assemble(text, start, end, pieces)))
        for start, end in _words(text)
    )


def _words(text: str) -> Iterator[tuple[int, int]]:
    for match in re.finditer(r"\S+", text):
        yield match.span()


def _assemble(text: str, start: int, end: int, pieces: list[tuple[int, int, str]]) -> str:
    said: list[str] = []
    at = start
    for piece_start, piece_end, spoken in pieces:
        if piece_end <= start or piece_start >= end:
            continue
        said.append(text[at : max(at, piece_start)])
        if piece_start >= start:
            # A piece that began in an earlier word was said there.
            said.append(f" {spoken} ")
        at = min(end, piece_end)
    said.append(text[at:end])
    return "".join(said)


_LOOK_ALIKES = {
    0x2018: "'",  # quotation marks, single and double
    0x2019: "'",
    0x201C: '"',
    0x201D: '"',
    0x2026: "...",
    0x00A0: " ",
    0x2011: "-",  # hyphen that does not break
    0x2212: "-",  # minus
}
_SYMBOLS = {
    "&": " and ",
    "+": " plus ",
    "=": " equals ",
    "@": " at ",
    "°": " degrees ",
    "\u00d7": " times ",
    "/": " ",
    "\u2013": ", ",
    "\u2014": ", ",
    ";": ",",
    "ß": "ss",
    "æ": "ae",
    "ø": "o",
    "ł": "l",
    "œ": "oe",
}
_KEPT = re.compile(r"[^A-Za-z0-9 .,!?:'$€£%-]")


def _sayable(spoken: str) -> str:
    folded = "".join(_SYMBOLS.get(char, char) for char in spoken)
    folded = unicodedata.normalize("NFKD", folded)
    plain = " ".join(_KEPT.sub("", folded).split())
    # A lone sign left over from Markdown or a smiley must not become a pause or a word.
    plain = re.sub(r"\s+([.,!?])", r"\1", plain)
    plain = re.sub(r"(?<![A-Za-z0-9])[-:']+(?![A-Za-z0-9])", "", plain).strip()
    return plain if re.search(r"[A-Za-z0-9]", plain) else _pause_of(plain)


def _pause_of(plain: str) -> str:
    return plain[0] if plain and plain[0] in ".,!?" else ""


# The rules, first come first served.

_Pieces = Iterator[tuple[int, int, str]]
_Expander = Callable[[re.Match[str]], _Pieces]
_Rule = tuple[re.Pattern[str], _Expander]


def _whole(say: Callable[[re.Match[str]], str]) -> _Expander:
    def expand(match: re.Match[str]) -> _Pieces:
        yield match.start(), match.end(), say(match)

    return expand


def _digit_groups(match: re.Match[str]) -> _Pieces:
    """Digit by digit, with a short pause after each group, each group in its own written word."""
    groups = list(re.finditer(r"\+?\d+", match.group()))
    for number, group in enumerate(groups):
        start = match.start() + group.start()
        # Brackets, dots and hyphens around the group belong to it, and are silent.
        stop = match.start() + group.end()
        while stop < match.end() and match.string[stop] in ").-/":
            stop += 1
        while start > match.start() and match.string[start - 1] == "(":
            start -= 1
        pause = "," if number + 1 < len(groups) else ""
        yield start, stop, digit_words(group.group()) + pause


def _site(match: re.Match[str]) -> str:
    address = re.sub(r"^(?:https?://)?(?:www\.)?", "", match.group(), flags=re.IGNORECASE)
    named = {".": "dot", "/": "slash", "@": "at", "-": "dash", "_": "underscore"}
    parts = re.findall(r"[A-Za-z]+|\d+|[./@_-]", address.rstrip("/"))
    return " ".join(
        named.get(part) or (digit_words(part) if part.isdigit() else part) for part in parts
    )


def _time(match: re.Match[str]) -> _Pieces:
    half = match["half"]
    said = clock_words(int(match["hour"]), int(match["minute"] or 0), bool(half))
    if not half:
        yield match.start(), match.end(), said
        return
    yield match.start(), match.start("half"), said
    said = "eigh M" if half[0] in "aA" else "P M"
    yield match.start("half"), match.end(), said + _stop(match, half)


def _stop(match: re.Match[str], said: str) -> str:
    """The full stop of an abbreviation also ends a sentence when the text ends there."""
    return "." if said.endswith(".") and match.end() == len(match.string) else ""


def _is_phone(match: re.Match[str]) -> bool:
    digits = sum(char.isdigit() for char in match.group())
    return digits >= 7


def _phone(match: re.Match[str]) -> _Pieces:
    return _digit_groups(match) if _is_phone(match) else iter(())


_ABBREVIATIONS = {
    "dr": "Doctor",
    "mr": "Mister",
    "mrs": "Missus",
    "ms": "Miz",
    "prof": "Professor",
    "ave": "Avenue",
    "blvd": "Boulevard",
    "rd": "Road",
    "apt": "apartment",
    "dept": "department",
    "ext": "extension",
    "approx": "approximately",
    "vs": "versus",
    "etc": "et cetera",
    "tel": "telephone",
    "inc": "Incorporated",
    "ltd": "Limited",
    "corp": "Corporation",
    "hrs": "hours",
    "hr": "hour",
    "mins": "minutes",
    "jan": "January",
    "feb": "February",
    "aug": "August",
    "sept": "September",
    "oct": "October",
    "nov": "November",
    "dec": "December",
    "mon": "Monday",
    "tue": "Tuesday",
    "tues": "Tuesday",
    "wed": "Wednesday",
    "thu": "Thursday",
    "thur": "Thursday",
    "thurs": "Thursday",
    "fri": "Friday",
    "e.g": "for example",
    "i.e": "that is",
}
_ABBREVIATED = "|".join(re.escape(short) for short in sorted(_ABBREVIATIONS, key=len, reverse=True))


def _abbreviation(match: re.Match[str]) -> str:
    return _ABBREVIATIONS[match[1].lower()] + _stop(match, match.group())


_HALF = r"(?:\s?(?P<half>[ap]\.?m\b\.?))"
_CODE_WORDS = "number|code|pin|zip|extension|ext\\.?|account|room|order|ticket|reference|id"
_SITES = "com|org|net|io|ai|gov|edu|info|co\\.uk|de|eu"


def _rule(pattern: str, expand: _Expander, flags: re.RegexFlag = re.NOFLAG) -> _Rule:
    return re.compile(pattern, flags), expand


def _date(match: re.Match[str]) -> str:
    return date_words(int(match["year"]), int(match["month"]), int(match["day"])) or match.group()


_RULES: tuple[_Rule, ...] = (
    _rule(r"https?://[^\s<>\"]*[\w/]", _whole(_site), re.I),
    _rule(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", _whole(_site)),
    _rule(rf"\b(?:[a-z0-9-]+\.)+(?:{_SITES})\b(?:/\w+)*", _whole(_site), re.I),
    _rule(r"\b(?P<year>[12]\d{3})-(?P<month>\d\d)-(?P<day>\d\d)\b", _whole(_date)),
    _rule(r"\b(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>[12]\d{3})\b", _whole(_date)),
    # Times, and the hyphen between two of them.
    _rule(rf"\b(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?!\d){_HALF}?", _time, re.I),
    _rule(rf"\b(?P<hour>1[0-2]|[1-9])(?P<minute>){_HALF}", _time, re.I),
    _rule(
        r"(?<=[\dm.])\s?[-\u2013]\s?(?=\d{1,2}(?::\d\d|\s?[ap]\.?m))", _whole(lambda _: "to"), re.I
    ),
    # Telephone numbers; then digits after a word such as "code"; then digits that begin with 0.
    _rule(r"(?<![\w.,$€£])\+?\(?\d+\)?(?:[ .-]?\(?\d+\)?)*(?![\w%]|[.,:]\d)", _phone),
    _rule(
        rf"\b(?:{_CODE_WORDS})(?:\s(?:is|no\.?|number))?[\s#:]{{1,2}}(\d{{3,6}})\b(?![.,:]?\d)",
        lambda match: iter([(match.start(1), match.end(1), digit_words(match[1]))]),
        re.I,
    ),
    _rule(r"(?<![\w.,:/-])0\d+(?![\w%]|[.,:]\d)", _whole(lambda m: digit_words(m.group()))),
    # Codes of capital letters and digits, such as A-1234-X.
    _rule(
        r"(?<![\w.-])(?=[A-Z0-9-]*\d)(?=[A-Z0-9-]*[A-Z])(?=[\w-]{4})[A-Z0-9]+(?:-[A-Z0-9]+)*(?![\w-])",
        _whole(lambda m: spelled(m.group())),
    ),
    _rule(r"(?<![\d/.,])([1-9])/([2-9])(?![\d/])", _whole(lambda m: fraction_words(m[1], m[2]))),
    _rule(r"\b24/7\b", _whole(lambda _: "twenty-four seven")),
    _rule(
        r"(?<![\w.,-])(\d{1,3})\s?[-\u2013]\s?(?=\d{1,3}(?![\w-]))", _whole(lambda m: f"{m[1]} to")
    ),
    _rule(r"#(?=\d)|\bNo\.(?=\s?\d)", _whole(lambda _: "number")),
    _rule(r"°\s?C\b", _whole(lambda _: "degrees Celsius")),
    _rule(r"°\s?F\b", _whole(lambda _: "degrees Fahrenheit")),
    _rule(
        r"(?<=[a-z]\s)St\.(?!\s[A-Z][a-z])|(?<=(?:st|nd|rd|th)\s)St\.",
        _whole(lambda m: "Street" + _stop(m, m.group())),
    ),
    _rule(r"\bSt\.(?=\s[A-Z])", _whole(lambda _: "Saint")),
    _rule(rf"\b({_ABBREVIATED})\.(?![\w])", _whole(_abbreviation), re.I),
)
