"""Finds the caller's name in what they answer to "what is your name?"."""

import re

from agents.turns.backchannels import vocabulary, words_of

_LEADS = re.compile(
    r"^(?:.*?\b)?(?:my (?:full )?name(?: is|'s)|the name(?: is|'s)|name is|this is|it is|it's|its|"
    r"i am|i'm|im|call me|you can call me|i am called|i'm called)\s+(?P<rest>.+)$"
)
_FILLERS = vocabulary(
    "um uh er erm well yes yeah yep sure ok okay oh so hello hi hey please hm mm mhm right ah"
)
_NOT_NAMES = vocabulary(
    "what why when where who how which no not nope nobody is are was do does did can could would should the a "
    "an your my you i we it that this there here to of in on at for and or but if with name number "
    "message want need know think sorry pardon repeat again help call phone speak talk don't "
    "doesn't can't won't understand hear say said tell told mean business matter none"
)
_ENDS = re.compile(
    r"\b(?:speaking|calling|here|spelled|spelt|that's|that is|and i|and my|from|i'd|i would|please|"
    r"thank you|thanks|thank|by the way|but)\b.*$"
)

LONGEST_NAME_WORDS = 5


def extract_name(text: str) -> str:
    """Return the name in `text`, each part with a capital; empty if none can be made out."""
    said = " ".join(words_of(text))
    lead = _LEADS.match(said)
    rest = _ENDS.sub("", lead["rest"] if lead else said)
    words = _join_letters(rest.split())
    while words and words[0] in _FILLERS:
        words = words[1:]
    if not words or len(words) > LONGEST_NAME_WORDS:
        return ""
    if any(word in _NOT_NAMES or word.isdigit() for word in words):
        return ""
    return " ".join(_capital(word) for word in words)


def _join_letters(words: list[str]) -> list[str]:
    """Make one word of letters spelled out: "s m i t h" becomes "smith"."""
    joined: list[str] = []
    letters = ""
    for word in [*words, ""]:
        if len(word) == 1 and word.isalpha():
            letters += word
            continue
        if letters and letters != (joined[-1] if joined else ""):
            joined.append(letters)
        letters = ""
        if word:
            joined.append(word)
    return joined


def _capital(word: str) -> str:
    if match := re.match(r"(mc|o')(\w+)$", word):
        return match[1].capitalize() + match[2].capitalize()
    return word.capitalize()
