"""Recognises the words with which a person stops, resumes or asks about messages; no model ever sees them.

CTIA Messaging Principles 5.1.3, and Twilio's default and advanced opt-out lists.
"""

import re
import unicodedata
from enum import StrEnum


class Keyword(StrEnum):
    """What a bare keyword asks for."""

    STOP = "stop"
    START = "start"
    HELP = "help"


_STOP = ("stop", "stopall", "unsubscribe", "end", "quit", "revoke", "optout", "cancel")
_START = ("start", "unstop")
_HELP = ("help", "info")
_WORDS = {
    **dict.fromkeys(_STOP, Keyword.STOP),
    **dict.fromkeys(_START, Keyword.START),
    **dict.fromkeys(_HELP, Keyword.HELP),
}
START_AFTER_STOP = "yes"
"""Means start only to whoever has stopped; to everybody else it is an answer to a question."""
_LONGEST = 32
_JOINTS = re.compile(r"[\s\-\u2010-\u2015]+")


def keyword(text: str, *, is_opted_out: bool = False) -> Keyword | None:
    """Return what the whole message asks for; a keyword within a sentence is none.

    Signs around the word do not count, nor those that nobody sees: "Stop.", "«STOP»" and "stop 🛑" are meant as such.
    A question mark does: "Cancel?" asks about something else.
    """
    if len(text) > _LONGEST * 4:
        return None
    seen = (char for char in unicodedata.normalize("NFKC", text) if _is_seen(char))
    word = _bare("".join(seen)).casefold()
    if (joined := _JOINTS.sub("", word)) in ("optout", "stopall"):
        word = joined
    if word == START_AFTER_STOP and is_opted_out:
        return Keyword.START
    return _WORDS.get(word)


def _is_seen(char: str) -> bool:
    """Whether a character shows: marks of direction, joiners and the like do not."""
    return unicodedata.category(char) != "Cf"


def _bare(text: str) -> str:
    """Return a text without the signs around it."""
    start, end = 0, len(text)
    while start < end and _is_sign(text[start]):
        start += 1
    while start < end and _is_sign(text[end - 1]):
        end -= 1
    return text[start:end]


def _is_sign(char: str) -> bool:
    return unicodedata.category(char)[0] not in "LN" and char != "?"
