"""Cuts from a mail's text what only repeats earlier mail: the quotation, its heading, the signature.

By lines, each looked at once and short: mail comes from anybody, so no text may take long. Where nothing is
surely a quotation the text is left as it is.
"""

import re

LINE_LOOKED_AT = 300
"""Characters of a line that decide what it is."""
HEADING_LINES = 4
"""Over so many lines a heading like "On Monday, Ann wrote:" may be broken."""

_QUOTED = re.compile(r"\s*>")
_SIGNATURE = re.compile(r"--\s?$")  # RFC 3676 section 4.3
_DIVIDER = re.compile(
    r"\s*(?:-{2,}\s*(?:original message|forwarded message|ursprüngliche nachricht|"
    r"message d.origine|mensaje original|messaggio originale|oorspronkelijk bericht|"
    r"weitergeleitete nachricht|urspr. nachricht)\s*-{2,}|_{20,}\s*)$",
    re.IGNORECASE,
)
_HEADING_START = re.compile(r"\s*(?:on|am|le|el|il|op|em|den|w dniu|dnia)\b", re.IGNORECASE)
_HEADING_END = re.compile(
    r"(?:\bwrote|\bschrieb\b.{0,120}|\ba écrit|\bescribió|\bha scritto|\bschreef\b.{0,120}|"
    r"\bescreveu|\bskrev\b.{0,120}|\bnapisał\(?a?\)?)\s*:\s*$",
    re.IGNORECASE,
)
_FIELD = re.compile(
    r"\s*\*?(?:from|von|de|da|van|od|sent|gesendet|envoyé|enviado|inviato|verzonden|date|datum|"
    r"to|an|à|para|a|aan|subject|betreff|objet|asunto|oggetto|onderwerp)\*?\s*:\*?\s+\S",
    re.IGNORECASE,
)
_FROM_FIELD = re.compile(r"\s*\*?(?:from|von|de|da|van|od)\*?\s*:\*?\s+\S", re.IGNORECASE)
_MOBILE = re.compile(
    r"\s*(?:sent from my|sent from outlook|get outlook for|von meinem .{1,60} gesendet|"
    r"envoyé de mon|enviado desde mi|inviato da)\b",
    re.IGNORECASE,
)


def new_text(text: str) -> str:
    """Return what the writer has added; all of the text if there is nothing but quotation."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    looked_at = [line[:LINE_LOOKED_AT] for line in lines]
    end = next((n for n in range(len(lines)) if _ends_at(looked_at, n)), len(lines))
    kept = [line for line in lines[:end] if not _QUOTED.match(line[:LINE_LOOKED_AT])]
    found = "\n".join(line.rstrip() for line in kept).strip()
    return found or text.strip()


def _ends_at(lines: list[str], number: int) -> bool:
    """Whether from this line on there is nothing new."""
    line = lines[number]
    if _SIGNATURE.match(line) or _DIVIDER.match(line) or _MOBILE.match(line):
        return True
    if _FROM_FIELD.match(line):
        # A block of fields, as Outlook puts before what it quotes.
        block = lines[number + 1 : number + 5]
        return sum(bool(_FIELD.match(one)) for one in block) >= 2
    return bool(_HEADING_START.match(line)) and _is_heading(lines, number)


def _is_heading(lines: list[str], number: int) -> bool:
    """Whether a heading begins here and something follows it that is quoted, or nothing."""
    for last in range(number, min(number + HEADING_LINES, len(lines))):
        if not lines[last].strip():
            return False
        if _HEADING_END.search(lines[last]):
            after = next((one for one in lines[last + 1 :] if one.strip()), "")
            return not after or bool(_QUOTED.match(after)) or last == number
    return False
