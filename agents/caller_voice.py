"""A voice for rehearsing callers: the embedded one, made higher, so that the two sides can be told apart."""

import numpy as np
import soxr

from gateway.model.frame import RATE_HZ
from gateway.model.speech import Speech, Urgency, Voice

_HIGHER = 1.16
"""Two and a half semitones up, and as much faster: still natural, clearly somebody else."""


class CallerVoice:
    """Another voice's speech at a higher pitch (implements `gateway.model.speech.Voice`)."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice

    @property
    def name(self) -> str:
        return f"{self._voice.name}-caller"

    async def speak(self, text: str, urgency: Urgency) -> Speech:
        """Render text; word timings are left out. Raises what the voice beneath raises."""
        speech = await self._voice.speak(text, urgency)
        samples = np.frombuffer(speech.pcm, dtype="<i2")
        higher = soxr.resample(samples, RATE_HZ * _HIGHER, RATE_HZ)
        return Speech(text, np.asarray(higher, dtype="<i2").tobytes(), source=self.name)
