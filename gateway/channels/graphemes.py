"""Finds where a text may be cut so that no emoji, flag or accented letter falls apart (after UAX 29)."""

import unicodedata

_ZWJ = "\u200d"
_JAMO_VOWELS_AND_TAILS = range(0x1160, 0x1200)
_REGIONAL = range(0x1F1E6, 0x1F200)
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_TAGS = range(0xE0020, 0xE0080)


def is_boundary(text: str, at: int) -> bool:
    """Whether a text may be cut before its code point `at`: no character that a reader sees is halved.

    Keeps together rather too much than too little: a cut is only a cut, a halved emoji is wrong.
    """
    if not 0 < at < len(text):
        return True
    regional = 0
    while regional < at and ord(text[at - 1 - regional]) in _REGIONAL:
        regional += 1
    return not _is_joined(text[at - 1], text[at], regional)


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
