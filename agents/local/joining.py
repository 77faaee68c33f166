"""Joins speeches rendered one by one into one."""

from collections.abc import Sequence

from gateway.model.frame import duration_ms
from gateway.model.speech import Speech, Word


def joined(text: str, parts: Sequence[Speech]) -> Speech:
    """Return `parts` one after another as one speech that says `text`."""
    pcm = bytearray()
    words: list[Word] = []
    for part in parts:
        offset_ms = duration_ms(bytes(pcm))
        for word in part.words:
            words.append(Word(word.text, word.start_ms + offset_ms, word.end_ms + offset_ms))
        pcm += part.pcm
    source = next((part.source for part in parts if part.source), "")
    return Speech(text, bytes(pcm), tuple(words), source)
