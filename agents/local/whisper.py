"""Recognition: Whisper tiny.en on CTranslate2, over a window only as long as the speech needs.

Whisper was trained on windows of 30 s and costs as much for a "yes" as for 30 s. Its encoder takes
shorter windows too, which is several times faster but makes it loop now and then; so every decode
is bounded in tokens and checked (`transcript_guards`), and redone over 30 s when it looks wrong.
"""

from dataclasses import dataclass
from pathlib import Path

import ctranslate2
from tokenizers import Tokenizer

from agents.local.log_mel import RATE_HZ, log_mel
from agents.local.pcm import Samples, level_dbfs
from agents.local.quiet_cuts import quiet_cuts
from agents.local.transcript_guards import (
    is_hallucination,
    is_implausible,
    is_too_fast,
    without_loop,
)
from agents.stt import Transcript

_PROMPT = [50257, 50362]
"""<|startoftranscript|><|notimestamps|> of English-only models (whisper/tokenizer.py)."""
_LEAST_WINDOW_S = 8.0
_WINDOW_MARGIN_S = 2.0
_FULL_WINDOW_S = 30.0
_LONGEST_PIECE_S = 28.0
_TOKENS_BASE = 8
_TOKENS_PER_S = 7
_BEAMS = 5
_LEAST_S = 0.1
"""Shorter audio holds no word."""
_SILENT_DBFS = -65.0
"""Below this there is nothing to hear; G.711 cannot even carry it."""


@dataclass(frozen=True, slots=True)
class Decode:
    """What the model made of one window, before anybody judged it."""

    text: str
    no_speech: float
    log_probability: float
    cut_off: bool
    """The token cap was reached."""


class Whisper:
    """The recogniser; one thread at a time."""

    def __init__(self, model: Path, threads: int = 1) -> None:
        """Load the CTranslate2 folder `model` (model.bin, tokenizer.json)."""
        # int8 is three times as fast as float32 here, with the same words in all our samples.
        self._model = ctranslate2.models.Whisper(
            str(model), device="cpu", compute_type="int8", intra_threads=threads, inter_threads=1
        )
        self._tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))

    def transcribe(self, samples: Samples) -> Transcript:
        """Recognise mono audio at 16 kHz; over 28 s it is cut at quiet points first."""
        pieces = quiet_cuts(samples, int(_LONGEST_PIECE_S * RATE_HZ))
        parts = [(self._piece(piece), len(piece)) for piece in pieces]
        if len(parts) == 1:
            return parts[0][0]
        spoken = [(part, length) for part, length in parts if part.text]
        if not spoken:
            return Transcript("", no_speech=min(part.no_speech for part, _ in parts))
        total = sum(length for _, length in spoken)
        return Transcript(
            " ".join(part.text for part, _ in spoken),
            no_speech=min(part.no_speech for part, _ in spoken),
            log_probability=sum(part.log_probability * length for part, length in spoken) / total,
        )

    def _piece(self, samples: Samples) -> Transcript:
        duration_s = len(samples) / RATE_HZ
        if duration_s < _LEAST_S or level_dbfs(samples) < _SILENT_DBFS:
            return Transcript("", no_speech=1.0)
        window_s = max(_LEAST_WINDOW_S, duration_s + _WINDOW_MARGIN_S)
        decode = self.decode(samples, window_s)
        text = decode.text
        if is_implausible(text, duration_s, cut_off=decode.cut_off):
            decode = self.decode(samples, _FULL_WINDOW_S)
            text = decode.text
            # Callers do say the same five words twice; only a loop also overflows or races.
            if decode.cut_off or is_too_fast(text, duration_s):
                text = without_loop(text)
        if is_hallucination(text, duration_s, decode.no_speech, decode.log_probability):
            text = ""
        return Transcript(text, decode.no_speech, decode.log_probability)

    def decode(self, samples: Samples, window_s: float) -> Decode:
        """Run the model once over `samples` followed by zeros up to `window_s`, at most 30 s."""
        most_tokens = int(_TOKENS_BASE + _TOKENS_PER_S * len(samples) / RATE_HZ)
        features = log_mel(samples, round(min(window_s, _FULL_WINDOW_S) * 100))
        encoded = self._model.encode(ctranslate2.StorageView.from_array(features[None]))
        result = self._model.generate(
            encoded,
            [_PROMPT],
            beam_size=_BEAMS,
            max_length=most_tokens,
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        tokens = result.sequences_ids[0]
        return Decode(
            text=self._tokenizer.decode(tokens, skip_special_tokens=True).strip(),
            no_speech=result.no_speech_prob,
            log_probability=result.scores[0],
            cut_off=len(tokens) >= most_tokens - len(_PROMPT),
        )
