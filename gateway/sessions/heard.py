"""Decides which words of an utterance were heard when its playout stopped at a given moment."""

from gateway.model.frame import FRAME_MS
from gateway.model.speech import Speech


def heard_text(speech: Speech, heard_ms: float) -> str:
    """Return the words that were played to their end within the first `heard_ms` of `speech`.

    With word timings a word counts when its end was played, to within one frame. Without them time is
    spread evenly over the letters.
    """
    if heard_ms <= 0:
        return ""
    if heard_ms >= speech.duration_ms - FRAME_MS:
        return speech.text
    tokens = speech.text.split()
    if speech.words:
        count = sum(word.end_ms <= heard_ms + FRAME_MS for word in speech.words)
        if len(tokens) != len(speech.words):
            # The voice counted words another way than the text ("10 am"): its words are what sounded.
            return " ".join(word.text for word in speech.words[:count])
        return " ".join(tokens[:count])
    budget = len(speech.text) * heard_ms / speech.duration_ms
    heard: list[str] = []
    used = 0
    for token in tokens:
        used += len(token)
        if used > budget:
            break
        heard.append(token)
        used += 1  # the space after it
    return " ".join(heard)
