"""Recorded phrases that come with Offhook: what a caller hears when no voice can speak.

Made by `tests/support/render_clips.py` with the embedded voice.
"""

import wave
from enum import StrEnum
from importlib.resources import files

from gateway.errors import AssetError
from gateway.model.frame import RATE_HZ, SAMPLE_BYTES
from gateway.model.speech import Speech

SOURCE = "bundled"
"""`Speech.source` of every clip."""


class Clip(StrEnum):
    """The phrases; the value is the file's name without `.wav`."""

    GREETING = "greeting"
    APOLOGY = "apology"
    GOODBYE = "goodbye"


TEXTS: dict[Clip, str] = {
    Clip.GREETING: "Hello, thank you for calling. How can I help you?",
    Clip.APOLOGY: ("I am sorry, something went wrong on our side. Please call again later."),
    Clip.GOODBYE: "Thank you for calling. Goodbye.",
}


def load(clip: str) -> Speech:
    """Read a clip, a `Clip` or its value, from the package (some 100 kB); word timings are unknown.

    Raises:
        AssetError: the file is missing or not PCM16 mono 16 kHz, that is, the installation is broken.
    """
    clip = Clip(clip)
    resource = files(__name__) / f"{clip.value}.wav"
    try:
        with resource.open("rb") as stream, wave.open(stream) as reader:
            shape = (reader.getframerate(), reader.getnchannels(), reader.getsampwidth())
            pcm = reader.readframes(reader.getnframes())
    except (OSError, wave.Error, EOFError) as error:
        raise AssetError(f"bundled clip {resource}: {error}; install Offhook again") from error
    if shape != (RATE_HZ, 1, SAMPLE_BYTES):
        raise AssetError(f"bundled clip {resource} is not PCM16 mono 16 kHz; install Offhook again")
    return Speech(TEXTS[clip], pcm, source=SOURCE)
