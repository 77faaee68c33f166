"""Local speech: recognition, end of turn, synthesis and embeddings in worker processes."""

import asyncio
import itertools
import sys
import time
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from agents.speech.dispatch import Dispatcher, PendingJob
from agents.speech.statistics import PoolStatistics
from agents.speech.wire import JobKind, Json, Message, encode
from agents.stt import Transcript
from gateway.config import SpeechSection
from gateway.errors import LinkProtocolError, ProviderRefused
from gateway.model.frame import RATE_HZ, SAMPLE_BYTES
from gateway.model.speech import Speech, Urgency, Word

MOST_AUDIO_S = 120
"""Longest audio that `transcribe` takes."""
MOST_TEXTS = 2_000
"""Most texts that one `embed` takes."""
_MOST_CHARACTERS = 2_000
_TURN_WINDOW_BYTES = 8 * RATE_HZ * SAMPLE_BYTES


class SpeechPool:
    """All local speech models of the gateway. Lives on the event loop; also the `Ears` of conversations.

    Every job raises `ProviderUnavailable` when the pool is not running, when too many jobs wait
    (the least urgent is turned away), when the job takes over `job_timeout_s` in a worker, or when
    two workers died of it; and `ProviderRefused` for arguments that can never work. Time in the
    queue is not bounded here: cancel (`asyncio.timeout`) what is no longer wanted.
    """

    def __init__(
        self,
        section: SpeechSection,
        *,
        kinds: Collection[JobKind] = tuple(JobKind),
        command: Sequence[str] = (),
    ) -> None:
        """Prepare the pool; nothing is started.

        Args:
            section: number and niceness of workers, limits.
            kinds: what the workers shall load models for; other jobs are refused.
            command: another program to run as worker, for tests.
        """
        self._dispatcher = Dispatcher(
            command or _worker_command(section.niceness, kinds),
            workers=section.workers,
            queue_limit=section.queue_limit,
            job_timeout_s=section.job_timeout_s,
        )
        self._numbers = itertools.count(1)

    async def start(self) -> None:
        """Start the workers; returns when their models are loaded (a few seconds).

        Raises:
            AssetError: a model is not installed.
            ProviderUnavailable: no worker became ready.
        """
        await self._dispatcher.start()

    async def stop(self) -> None:
        """End the workers; waiting jobs fail. May be called twice."""
        await self._dispatcher.stop()

    def statistics(self) -> PoolStatistics:
        """Return a snapshot of the counters."""
        return self._dispatcher.statistics()

    async def transcribe(self, pcm: bytes, urgency: Urgency = Urgency.TURN) -> Transcript:
        """Recognise PCM16 mono 16 kHz, at most `MOST_AUDIO_S`."""
        if len(pcm) > MOST_AUDIO_S * RATE_HZ * SAMPLE_BYTES:
            raise ProviderRefused(f"more than {MOST_AUDIO_S} s of audio to recognise")
        reply = await self._job(JobKind.TRANSCRIBE, urgency, {}, pcm)
        header = reply.header
        return Transcript(
            str(header["text"]), _float(header["no_speech"]), _float(header["log_probability"])
        )

    async def end_of_turn(self, pcm: bytes) -> float:
        """Return the probability that the caller has finished; only the last 8 s are looked at."""
        last = pcm[-_TURN_WINDOW_BYTES:]
        reply = await self._job(JobKind.END_OF_TURN, Urgency.TURN, {}, last)
        return _float(reply.header["probability"])

    async def speak(self, text: str, urgency: Urgency) -> Speech:
        """Render one sentence; text without anything sayable gives a speech without audio."""
        if len(text) > _MOST_CHARACTERS:
            raise ProviderRefused(f"{len(text)} characters to speak at once")
        reply = await self._job(JobKind.SPEAK, urgency, {"text": text})
        return Speech(
            text, reply.payload, _words(reply.header["words"]), str(reply.header["source"])
        )

    async def embed(
        self, texts: Sequence[str], urgency: Urgency = Urgency.TURN
    ) -> npt.NDArray[np.float32]:
        """Return one row of length 1 per text, shape (n, width)."""
        if len(texts) > MOST_TEXTS or sum(map(len, texts)) > _MOST_CHARACTERS * 50:
            raise ProviderRefused("too much text to embed at once")
        reply = await self._job(JobKind.EMBED, urgency, {"texts": list(texts)})
        rows, width = int(_float(reply.header["rows"])), int(_float(reply.header["width"]))
        return np.frombuffer(reply.payload, dtype="<f4").astype(np.float32).reshape(rows, width)

    async def _job(
        self, kind: JobKind, urgency: Urgency, arguments: dict[str, Json], payload: bytes = b""
    ) -> Message:
        message = Message({"id": next(self._numbers), "kind": kind.value, **arguments}, payload)
        try:
            data = encode(message)
        except LinkProtocolError as error:
            raise ProviderRefused(f"too much for one speech job: {error}") from error
        reply = asyncio.get_running_loop().create_future()
        return await self._dispatcher.submit(
            PendingJob(kind, urgency, data, time.monotonic(), reply=reply)
        )


def _worker_command(niceness: int, kinds: Collection[JobKind]) -> tuple[str, ...]:
    wanted = ",".join(kind.value for kind in JobKind if kind in kinds)
    return (sys.executable, "-m", "agents.speech", "--niceness", str(niceness), "--kinds", wanted)


def _float(value: Json) -> float:
    if not isinstance(value, int | float):
        raise TypeError(f"the speech worker sent {value!r} instead of a number")
    return float(value)


def _words(value: Json) -> tuple[Word, ...]:
    if not isinstance(value, list):
        raise TypeError("the speech worker sent no list of words")
    words: list[Word] = []
    for item in value:
        if not isinstance(item, list) or len(item) != 3:
            raise TypeError(f"the speech worker sent {item!r} instead of a word")
        words.append(Word(str(item[0]), _float(item[1]), _float(item[2])))
    return tuple(words)
