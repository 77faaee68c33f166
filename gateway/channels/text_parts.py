"""Splits a long text into messages at the best place: a paragraph, a line, a sentence, a word, a letter."""

import re
from collections.abc import Callable

from gateway.channels import sms_alphabet
from gateway.channels.graphemes import is_boundary

_BOUNDARIES = (
    re.compile(r"\n[ \t]*\n\s*"),
    re.compile(r"\n\s*"),
    re.compile(r"(?<=[.!?…。！？])[\"'”’)]*\s+"),
    re.compile(r"\s+"),
)
LEAST_FILL = 0.4
"""A better kind of boundary is not taken where it would leave a part emptier than this."""


def utf16_length(text: str) -> int:
    """Return the length as providers that count UTF-16 units do (WhatsApp, Telegram, Teams)."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def split(
    text: str, limit: int, *, length: Callable[[str], int] = sms_alphabet.length
) -> tuple[str, ...]:
    """Return the parts, each at most `limit` by `length`; nothing but white space at cuts is lost.

    A blank text has no parts. Only a single sign longer than `limit` (a letter under a pile of accents)
    is cut within. Raises `ValueError` for a limit below 4, which one emoji may need.
    """
    if limit < 4:
        raise ValueError(f"a limit of {limit} cannot hold every letter")
    parts: list[str] = []
    rest = text.strip()
    while rest and length(rest) > limit:
        cut = _cut(rest, limit, length)
        parts.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    if rest:
        parts.append(rest)
    return tuple(parts)


def _cut(text: str, limit: int, length: Callable[[str], int]) -> int:
    """Return where the first part ends, in code points, at least 1."""
    end = min(limit, len(text))
    while True:
        cut = _best(text, _most(text, end, limit, length))
        if cut == 1 or length(text[:cut].rstrip()) <= limit:
            return cut
        # What follows the cut had made it shorter: a wide letter turns GSM-7's double ones into single ones.
        end = cut - 1


def _best(text: str, most: int) -> int:
    """Return the best place to cut before `most`, in code points."""
    # What follows the cut decides too: a full stop right at the limit ends a sentence.
    window = text[: most + 1]
    for boundary in _BOUNDARIES:
        last = 0
        for match in boundary.finditer(window):
            if 0 < match.start() <= most:
                last = match.start()
        if last >= most * LEAST_FILL:
            return last
    return most


def _most(text: str, end: int, limit: int, length: Callable[[str], int]) -> int:
    """Return the longest prefix, of whole signs and of at most `end` code points, that fits."""
    # By halves: a text is measured as a whole, which for each of its letters would take too long.
    fits, too_long = 0, end + 1
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if length(text[:middle]) <= limit:
            fits = middle
        else:
            too_long = middle
    whole = fits
    while whole and not is_boundary(text, whole):
        whole -= 1
    return whole or fits
