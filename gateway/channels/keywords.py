"""Recognises the words with which a person stops, resumes or asks about messages; no model ever sees them.

CTIA Messaging Principles 5.1.3, and Twilio's default and advanced opt-out lists.
"""

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


def keyword(text: str, *, is_opted_out: bool = False) -> Keyword | None:
    """Return what the whole message asks for; a keyword within a sentence is none.

    White space and punctuation around the word do not count: "Stop." and "STOP!" are meant as such.
    """
    if len(text) > _LONGEST * 4:
        return None
    word = unicodedata.normalize("NFKC", text).strip().strip(".,!;:\"'*“”‘’ ").casefold()
    if word in ("opt-out", "opt out", "stop all"):
        word = word.replace("-", "").replace(" ", "")
    if word == START_AFTER_STOP and is_opted_out:
        return Keyword.START
    return _WORDS.get(word)
