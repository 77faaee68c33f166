"""Speaks a sentence with a Piper voice: text to phonemes to sound, levelled, trimmed, at 16 kHz.

Word timings come from the model's own phoneme durations, so they are exact to 12 ms (one frame) for
where a word's phonemes lie; "exact" for what a caller heard is less sharp, as sounds run together.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from agents.local.loudness import fade_edges, level, sounding_span
from agents.local.pcm import to_pcm
from agents.local.phonemes import PhonemeIds, Phonemiser
from agents.local.piper_model import PiperModel, Utterance
from agents.local.spoken_form import SpokenWord, spoken_form
from gateway.model.frame import RATE_HZ
from gateway.model.speech import Speech, Word

MOST_CHARACTERS = 600
"""Longest text of one rendering (about 40 s); callers split longer ones into sentences."""
SENTENCE_PAUSE_MS = 160
"""Silence after a sentence, so that sentences queued one after another do not run together."""
CLAUSE_PAUSE_MS = 80


class TextTooLong(ValueError):
    """The text is longer than `MOST_CHARACTERS`."""


@dataclass(frozen=True, slots=True)
class _Cut:
    """Where the trimmed sound lies in the model's output, in its samples."""

    start: int
    stop: int


class PiperVoice:
    """One voice; one thread at a time."""

    def __init__(self, model: Path, config: Path, name: str, threads: int = 1) -> None:
        self._name = name
        self._model = PiperModel(model, config, threads)
        self._phonemiser = Phonemiser(self._model.id_map)

    def speak(self, text: str) -> Speech:
        """Render `text`; without anything sayable in it (blank, emoji) the result has no audio.

        Raises:
            TextTooLong: over `MOST_CHARACTERS`.
        """
        if len(text) > MOST_CHARACTERS:
            raise TextTooLong(f"{len(text)} characters in one rendering; at most {MOST_CHARACTERS}")
        written = spoken_form(text)
        phonemes = self._phonemiser.phonemise([word.spoken for word in written])
        if phonemes.is_empty:
            return Speech(text, b"", source=self._name)
        utterance = self._model.run(phonemes.ids)
        cut = _Cut(*sounding_span(utterance.samples, self._model.rate_hz))
        sound = utterance.samples[cut.start : cut.stop]
        resampled = soxr.resample(sound, self._model.rate_hz, RATE_HZ, quality="HQ")
        finished = fade_edges(level(np.asarray(resampled, dtype=np.float32)), RATE_HZ)
        return Speech(
            text,
            to_pcm(finished) + _pause_after(written),
            self._words(written, phonemes, utterance, cut),
            self._name,
        )

    def _words(
        self, written: tuple[SpokenWord, ...], phonemes: PhonemeIds, said: Utterance, cut: _Cut
    ) -> tuple[Word, ...]:
        ms_per_sample = 1000.0 / self._model.rate_hz

        def at_ms(sample: int) -> float:
            return round((min(max(sample, cut.start), cut.stop) - cut.start) * ms_per_sample, 1)

        words: list[Word] = []
        before_ms = 0.0
        for word, (start, stop) in zip(written, phonemes.words, strict=True):
            if start == stop:
                words.append(Word(word.written, before_ms, before_ms))
                continue
            start_ms, before_ms = at_ms(int(said.ends[start - 1])), at_ms(int(said.ends[stop - 1]))
            words.append(Word(word.written, start_ms, before_ms))
        return tuple(words)


def _pause_after(written: tuple[SpokenWord, ...]) -> bytes:
    last = next((word.spoken for word in reversed(written) if word.spoken), "")
    pause_ms = SENTENCE_PAUSE_MS if last.rstrip("\"')")[-1:] in ".!?" else CLAUSE_PAUSE_MS
    return to_pcm(np.zeros(RATE_HZ * pause_ms // 1000, dtype=np.float32))
