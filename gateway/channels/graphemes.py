"""Finds where a text may be cut so that no emoji, flag or accented letter falls apart (after UAX 29)."""

import unicodedata
from collections.abc import Iterator

_ZWJ = "\u200d"
_JAMO_VOWELS_AND_TAILS = range(0x1160, 0x1200)
_REGIONAL = range(0x1F1E6, 0x1F200)
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_TAGS = range(0xE0020, 0xE0080)


def graphemes(text: str) -> Iterator[str]:
    """Yield what a reader sees as single characters, in order; joined they are the text.

    Keeps together rather too much than too little: a cut is only a cut, a halved emoji is wrong.
    """
    start = 0
    regional = 0
    for at in range(1, len(text) + 1):
        regional = regional + 1 if ord(text[at - 1]) in _REGIONAL else 0
        if at < len(text) and _is_joined(text[at - 1], text[at], regional):
            continue
        yield text[start:at]
        start = at
        regional = 0


def _is_joined(before: str, after: str, regional: int) -> bool:
    """Whether there is no boundary between two code points; `regional`: flag letters up to here."""
    code = ord(after)
    if before == "\r" and after == "\n":
        return True
    if before in "\r\n":
        return False
    return (
        after == _ZWJ
        or before == _ZWJ
        or unicodedata.category(after) in ("Mn", "Me", "Mc")  # accents, variation selectors
        or code in _SKIN_TONES
        or code in _TAGS
        or code in _JAMO_VOWELS_AND_TAILS
        or (code in _REGIONAL and regional % 2 == 1)
    )
