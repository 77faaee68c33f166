"""Makes the sounds of a run: a long greeting for the gateway, and what the callers say, as mu-law files."""

import asyncio
import warnings
from pathlib import Path

import numpy as np

from agents.speech.pool import SpeechPool
from gateway import clips
from gateway.config import SpeechSection
from gateway.media.resample import resample
from gateway.media.wav import write_wav
from gateway.model.frame import RATE_HZ
from gateway.model.speech import Urgency

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

CALLER_FILE = "caller.ul"
"""What every scenario streams; each run of SIPp has a directory, and its own sound there."""
_LINE_HZ = 8_000


def long_greeting(path: Path, seconds: float) -> None:
    """Write the bundled greeting, over and over, as one WAV file."""
    size = int(seconds * RATE_HZ) * 2
    write_wav(path, (clip() * (size // len(clip()) + 1))[:size])


def clip() -> bytes:
    """Return the bundled greeting; PCM16 at the gateway's rate."""
    return clips.load(clips.Clip.GREETING).pcm


def silence(seconds: float) -> bytes:
    """Return PCM16 at the gateway's rate."""
    return bytes(int(seconds * RATE_HZ) * 2)


def to_line(pcm: bytes) -> bytes:
    """Return PCM16 at the gateway's rate as 8 kHz mu-law (ITU-T G.711)."""
    narrow = resample(np.frombuffer(pcm, dtype="<i2"), RATE_HZ, _LINE_HZ)
    return audioop.lin2ulaw(narrow.astype("<i2").tobytes(), 2)


def speak(*texts: str) -> list[bytes]:
    """Render texts with the embedded voice; PCM16 at the gateway's rate. Raises `GatewayError`."""

    async def render() -> list[bytes]:
        pool = SpeechPool(SpeechSection(workers=1, niceness=0))
        await pool.start()
        try:
            return [(await pool.speak(text, Urgency.AHEAD)).pcm for text in texts]
        finally:
            await pool.stop()

    return asyncio.run(render())
