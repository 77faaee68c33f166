"""Counts a text as a telephone network does: GSM-7 septets or UCS-2 units (3GPP TS 23.038), and segments.

Twilio's limit of 1,600 is ten segments; one letter outside GSM-7 turns the whole text into UCS-2.
"""

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")
_ALL = _BASIC | _EXTENSION

GSM_SINGLE, GSM_PART = 160, 153
UCS_SINGLE, UCS_PART = 70, 67


def is_gsm(text: str) -> bool:
    """Whether every letter is in GSM-7 or its extension table."""
    return _ALL.issuperset(text)


def length(text: str) -> int:
    """Return septets of a GSM-7 text; else UTF-16 units, of which an emoji takes two or more."""
    if is_gsm(text):
        return len(text) + sum(map(text.count, _EXTENSION))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def segments(text: str) -> int:
    """Return how many text messages the network makes of it, which is what is paid for.

    No escape and no surrogate pair is torn between two segments, so a part may stay one unit short.
    """
    is_seven_bit = is_gsm(text)
    single, part = (GSM_SINGLE, GSM_PART) if is_seven_bit else (UCS_SINGLE, UCS_PART)
    if length(text) <= single:
        return 1
    count, used = 1, 0
    for char in text:
        is_double = char in _EXTENSION if is_seven_bit else ord(char) > 0xFFFF
        units = 2 if is_double else 1
        if used + units > part:
            count, used = count + 1, 0
        used += units
    return count
