"""Decides whether words spoken over the agent take the floor, or only say "I am listening"."""

import re
from enum import StrEnum


class Verdict(StrEnum):
    """What words over the agent's speech amount to."""

    NOISE = "noise"
    """No words at all."""
    BACKCHANNEL = "backchannel"
    """Only signs of listening: "mhm", "okay", "right"."""
    ONE_WORD = "one_word"
    """A single other word: an answer to a finished question, else too little to interrupt."""
    WORDS = "words"
    """Two words or more that are not all signs of listening: an interruption."""
    COMMAND = "command"
    """"Stop", "wait", "no", "operator": an interruption, however short."""


_PHRASES = {
    "uh huh": "uhhuh",
    "mm hmm": "mhm",
    "mm hm": "mhm",
    "i see": "isee",
    "got it": "gotit",
    "all right": "alright",
    "of course": "ofcourse",
    "hold on": "holdon",
    "hang on": "holdon",
    "excuse me": "excuseme",
    "one moment": "holdon",
    "shut up": "stop",
}
"""Signs and commands of two words, made one before counting."""


def vocabulary(words: str) -> frozenset[str]:
    """Return the words of a list separated by white space."""
    return frozenset(words.split())


BACKCHANNELS = vocabulary(
    "yeah yep yes yup ya ok okay k mhm mm hmm hm uhhuh uh um ah oh aha right sure alright isee "
    "gotit ofcourse great good fine cool nice really wow exactly indeed"
)
"""Words that do not take the floor while somebody else speaks."""

COMMANDS = vocabulary("stop wait no operator holdon excuseme help human pause cancel quiet")
"""Words that take the floor at once."""

_NOT_WORDS = re.compile(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*")
"""Recognisers describe sounds in brackets: "[BLANK_AUDIO]", "(coughs)"."""


def words_of(text: str) -> list[str]:
    """Return the words of recognised text: lower case, no punctuation, no descriptions of sounds."""
    bare = _NOT_WORDS.sub(" ", text).lower().replace("\u2019", "'")
    return re.findall(r"[^\W_]+(?:'[^\W_]+)?", bare)


def judge(text: str) -> Verdict:
    """Judge words that were spoken while the agent was speaking."""
    joined = " ".join(words_of(text))
    for phrase, one in _PHRASES.items():
        joined = re.sub(rf"\b{phrase}\b", one, joined)
    words = joined.split()
    if not words:
        return Verdict.NOISE
    if any(word in COMMANDS for word in words):
        return Verdict.COMMAND
    if all(word in BACKCHANNELS for word in words):
        return Verdict.BACKCHANNEL
    return Verdict.ONE_WORD if len(words) == 1 else Verdict.WORDS


_FAREWELLS = vocabulary(
    "bye goodbye byebye thank thanks you ok okay cheers good night day evening see later have a "
    "nice great lovely one too same to and so very much by yes yeah right sure take care"
)
_FAREWELL_MARKS = vocabulary("bye goodbye byebye thanks thank cheers night later care")


def is_farewell(text: str) -> bool:
    """Whether the words do no more than say goodbye or thank you."""
    words = words_of(text)
    return all(word in _FAREWELLS for word in words) and any(w in _FAREWELL_MARKS for w in words)
