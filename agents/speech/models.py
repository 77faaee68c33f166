"""Loads the local models that a speech worker was asked for, and does jobs with them."""

import time
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from agents.local import assets
from agents.local.embed import Embedder
from agents.local.pcm import Samples, to_samples
from agents.local.piper_voice import PiperVoice
from agents.local.smart_turn import SmartTurn
from agents.local.whisper import Whisper
from agents.speech.wire import JobKind, Json, Message
from agents.speech.worker import Handler
from gateway.errors import ProviderRefused


def load(kinds: Iterable[JobKind]) -> tuple[dict[JobKind, Handler], dict[str, float]]:
    """Load and warm up what `kinds` need.

    Returns:
        The handlers, and how long each took to load (seconds).

    Raises:
        AssetError: a model is not installed.
    """
    handlers: dict[JobKind, Handler] = {}
    took_s: dict[str, float] = {}
    for kind in kinds:
        began_s = time.monotonic()
        handlers[kind] = _LOADERS[kind]()
        took_s[kind.value] = round(time.monotonic() - began_s, 3)
    return handlers, took_s


def _transcriber() -> Handler:
    whisper = Whisper(assets.whisper_dir())
    # The first run allocates; better now than in somebody's call.
    whisper.transcribe(_noise(2.0))

    def transcribe(job: Message) -> Message:
        found = whisper.transcribe(to_samples(job.payload))
        return Message(
            {
                "text": found.text,
                "no_speech": found.no_speech,
                "log_probability": found.log_probability,
            }
        )

    return transcribe


def _turn_judge() -> Handler:
    model = SmartTurn(assets.smart_turn_model())
    model.probability(_noise(2.0))

    def end_of_turn(job: Message) -> Message:
        return Message({"probability": model.probability(to_samples(job.payload))})

    return end_of_turn


def _speaker() -> Handler:
    voice = PiperVoice(assets.joe_model(), assets.joe_config(), "joe")
    voice.speak("Ready, kubernetes.")

    def speak(job: Message) -> Message:
        text = job.header.get("text")
        if not isinstance(text, str):
            raise ProviderRefused("speak needs a text")
        speech = voice.speak(text)
        words: list[Json] = [[word.text, word.start_ms, word.end_ms] for word in speech.words]
        return Message({"words": words, "source": speech.source}, speech.pcm)

    return speak


def _embedder() -> Handler:
    embedder = Embedder(assets.embedding_weights(), assets.embedding_tokenizer())

    def embed(job: Message) -> Message:
        texts = job.header.get("texts")
        if not isinstance(texts, list):
            raise ProviderRefused("embed needs a list of texts")
        rows = embedder.embed([str(text) for text in texts])
        return Message(
            {"rows": rows.shape[0], "width": rows.shape[1]}, rows.astype("<f4").tobytes()
        )

    return embed


def _noise(duration_s: float) -> Samples:
    samples = np.random.default_rng(0).standard_normal(int(16_000 * duration_s)) * 0.05
    return samples.astype(np.float32)


_LOADERS: Mapping[JobKind, Callable[[], Handler]] = {
    JobKind.TRANSCRIBE: _transcriber,
    JobKind.END_OF_TURN: _turn_judge,
    JobKind.SPEAK: _speaker,
    JobKind.EMBED: _embedder,
}
