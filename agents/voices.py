"""The voices that need no network: the embedded one, and espeak-ng for when that fails."""

import asyncio
import contextlib
import io
import shutil
import wave

import numpy as np
import soxr

from agents.local.joining import joined
from agents.local.loudness import fade_edges, level, sounding_span
from agents.local.pcm import to_pcm, to_samples
from agents.local.sentences import split_text
from agents.local.spoken_form import spoken_form
from agents.speech.pool import SpeechPool
from gateway.errors import ProviderRefused, ProviderUnavailable
from gateway.model.frame import RATE_HZ
from gateway.model.speech import Speech, Urgency

MOST_CHARACTERS = 5_000
"""Longest text of one `speak`: over five minutes of speech."""

_LOCAL_RENDERING = 1
"""Raised with every change of how the embedded voice sounds: cached audio is then made anew."""


class LocalVoice:
    """The embedded voice, rendered by the speech workers. Lives on the event loop."""

    def __init__(self, pool: SpeechPool, name: str = "joe") -> None:
        self._pool = pool
        self._name = f"{name}-{_LOCAL_RENDERING}"

    @property
    def name(self) -> str:
        return self._name

    async def speak(self, text: str, urgency: Urgency) -> Speech:
        """Render text of any number of sentences, one job each, so that others get a turn between.

        Text without anything sayable (blank, only emoji) gives a speech without audio.

        Raises:
            ProviderUnavailable: the workers are overloaded or gone.
            ProviderRefused: over `MOST_CHARACTERS`.
        """
        _check_length(text)
        parts = [await self._pool.speak(sentence, urgency) for sentence in split_text(text)]
        if len(parts) == 1 and parts[0].text == text:
            return parts[0]
        return joined(text, parts)


_PROGRAM = "espeak-ng"
_ESPEAK_LIMIT_S = 10.0
_ESPEAK_PARALLEL = 2


class EspeakVoice:
    """The espeak-ng program, a process per text: plain, but ready in 10 ms. On the event loop."""

    def __init__(self, voice: str = "en-us", words_per_minute: int = 165) -> None:
        self._arguments = ("-v", voice, "-s", str(words_per_minute), "--stdin", "--stdout")
        self._name = f"espeak-{voice}-{words_per_minute}-1"
        self._slots = asyncio.Semaphore(_ESPEAK_PARALLEL)

    @property
    def name(self) -> str:
        return self._name

    @staticmethod
    def is_installed() -> bool:
        """Whether the program is on the path."""
        return shutil.which(_PROGRAM) is not None

    async def speak(
        self,
        text: str,
        urgency: Urgency,  # noqa: ARG002 (too quick to queue)
    ) -> Speech:
        """Render text of any length up to `MOST_CHARACTERS`; word timings are unknown.

        Raises:
            ProviderUnavailable: the program is not installed, failed, or took over 10 s.
            ProviderRefused: over `MOST_CHARACTERS`.
        """
        _check_length(text)
        spoken = " ".join(word.spoken for word in spoken_form(text) if word.spoken)
        if not any(char.isalnum() for char in spoken):
            return Speech(text, b"", source="espeak")
        async with self._slots:
            wav = await self._run(spoken)
        # Resampling minutes of audio takes longer than the loop may be held.
        return Speech(text, await asyncio.to_thread(_telephone, wav), source="espeak")

    async def _run(self, spoken: str) -> bytes:
        try:
            process = await asyncio.create_subprocess_exec(
                _PROGRAM,
                *self._arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except FileNotFoundError as error:
            raise ProviderUnavailable(
                "the espeak voice needs the espeak-ng program: apt-get install espeak-ng, "
                'or set second_voice = "none"'
            ) from error
        except OSError as error:
            raise ProviderUnavailable(f"espeak-ng cannot be started: {error}") from error
        try:
            async with asyncio.timeout(_ESPEAK_LIMIT_S):
                out, complaint = await process.communicate(spoken.encode())
        except TimeoutError as error:
            raise ProviderUnavailable(f"espeak-ng took over {_ESPEAK_LIMIT_S:g} s") from error
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode != 0:
            reason = complaint.decode(errors="replace")[:200]
            raise ProviderUnavailable(f"espeak-ng failed ({process.returncode}): {reason}")
        return out


def _telephone(wav: bytes) -> bytes:
    """Return espeak-ng's WAV as PCM16 mono 16 kHz, trimmed and levelled."""
    # Written to a pipe, the header's lengths are not filled in: take the samples to the end.
    with wave.open(io.BytesIO(wav)) as reader:
        rate_hz = reader.getframerate()
        shape = (reader.getnchannels(), reader.getsampwidth())
        samples = to_samples(reader.readframes(len(wav)))
    if shape != (1, 2):
        raise ProviderUnavailable(f"espeak-ng made audio of an unexpected shape {shape}")
    start, stop = sounding_span(samples, rate_hz)
    resampled = soxr.resample(samples[start:stop], rate_hz, RATE_HZ, quality="HQ")
    return to_pcm(fade_edges(level(np.asarray(resampled, dtype=np.float32)), RATE_HZ))


def _check_length(text: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise ProviderRefused(f"{len(text)} characters to speak; at most {MOST_CHARACTERS}")
