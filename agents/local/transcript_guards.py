"""Decides when a Whisper transcript must not be believed: loops, and words heard in silence.

Short decoding windows make Whisper fast but prone to repeat itself, and on silence it says "you" or
thanks for watching, because that is what silent video had for subtitles.
"""

import re
from collections.abc import Sequence

REPEAT_WORDS = 5
"""A run of so many words that comes twice is a loop."""
MOST_WORDS_PER_S = 5.5
"""Faster than anybody speaks on the telephone."""
_SHORT_S = 0.9
"""Speech shorter than this that reads as a silence hallucination is one."""
_NO_SPEECH = 0.6
_GUESS_LOG_PROBABILITY = -1.0

_SAID_IN_SILENCE = frozenset(
    {
        "",
        "you",
        "thank you",
        "thanks",
        "thanks for watching",
        "thank you for watching",
        "thank you very much",
        "bye",
        "so",
        "the",
        "i",
        "oh",
        "okay",
        "music",
        "silence",
        "blank audio",
    }
)
_ONLY_EVER_SILENCE = frozenset({"you"})
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")


def words_of(text: str) -> list[str]:
    """Return the words of `text`, lower case, without punctuation."""
    return [match.lower() for match in _WORD.findall(text)]


def looping_from(words: Sequence[str]) -> int | None:
    """Return the index at which the first repeated run of five words begins again, or None."""
    seen: dict[tuple[str, ...], int] = {}
    for index in range(len(words) - REPEAT_WORDS + 1):
        run = tuple(words[index : index + REPEAT_WORDS])
        if run in seen:
            return index
        seen[run] = index
    return None


def is_implausible(text: str, duration_s: float, *, cut_off: bool) -> bool:
    """Whether a short-window decode must be redone: cut at the token cap, looping, or too fast."""
    return cut_off or is_too_fast(text, duration_s) or looping_from(words_of(text)) is not None


def is_too_fast(text: str, duration_s: float) -> bool:
    """Whether there are more words than anybody says in that time."""
    words = len(words_of(text))
    # Very short speech is all edge: one word in 150 ms is a true "yes".
    return words > 2 and words > MOST_WORDS_PER_S * duration_s


def without_loop(text: str) -> str:
    """Return `text` up to where it begins to repeat itself."""
    start = looping_from(words_of(text))
    if start is None:
        return text
    for count, match in enumerate(_WORD.finditer(text)):
        if count == start:
            return text[: match.start()].rstrip(" ,;:-")
    return text


def is_hallucination(
    text: str, duration_s: float, no_speech: float, log_probability: float
) -> bool:
    """Whether the words were heard in silence or noise.

    Whisper's own rule (`no_speech_threshold` with `logprob_threshold` in its transcribe.py), a
    stricter one for the phrases it is known to invent, and the briefest speech with only "you" in
    it.
    """
    said = " ".join(words_of(text))
    if not said:
        return True
    if said in _ONLY_EVER_SILENCE and duration_s < _SHORT_S:
        return True
    if no_speech < _NO_SPEECH:
        return False
    return said in _SAID_IN_SILENCE or log_probability < _GUESS_LOG_PROBABILITY
