"""Keeps rendered speech by (voice, text, rate), in memory and on disk, and renders each text once."""

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.media.speech_store import SpeechStore
from gateway.model.frame import RATE_HZ
from gateway.model.speech import Speech, Urgency, Voice

logger = logging.getLogger(__name__)

MEMORY_LIMIT_BYTES = 64 * 1024 * 1024
"""About half an hour of speech."""

DISK_LIMIT_BYTES = 512 * 1024 * 1024


def cache_key(voice: str, text: str, rate_hz: int = RATE_HZ) -> str:
    """Return a file-name-safe key for a text spoken by a voice."""
    return hashlib.sha256(f"{voice}\0{rate_hz}\0{text}".encode()).hexdigest()[:40]


class SpeechCache:
    """Two levels: a bounded LRU in memory over a bounded directory. On the event loop.

    Neither method raises for what disk or files do: a broken file is a miss, a full disk costs
    speed only.
    """

    def __init__(
        self,
        directory: Path,
        *,
        memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
        disk_limit_bytes: int = DISK_LIMIT_BYTES,
    ) -> None:
        self._store = SpeechStore(directory, limit_bytes=disk_limit_bytes)
        self._memory: OrderedDict[str, Speech] = OrderedDict()
        self._memory_bytes = 0
        self._memory_limit_bytes = memory_limit_bytes

    @property
    def memory_bytes(self) -> int:
        return self._memory_bytes

    async def get(self, voice: str, text: str) -> Speech | None:
        """Return a kept rendering, or None."""
        key = cache_key(voice, text)
        if speech := self._memory.get(key):
            self._memory.move_to_end(key)
            return speech
        speech = await asyncio.to_thread(self._store.load, key)
        if speech is None or speech.text != text:
            return None
        self._remember(key, speech)
        return speech

    async def put(self, voice: str, speech: Speech) -> None:
        """Keep a rendering; it is in memory at once and on disk when this returns, if it can be."""
        key = cache_key(voice, speech.text)
        self._remember(key, speech)
        await asyncio.to_thread(self._store.save, key, speech)

    def put_in_memory(self, voice: str, speech: Speech) -> None:
        """Keep a rendering as long as there is room, and not beyond the end of the process."""
        self._remember(cache_key(voice, speech.text), speech)

    def _remember(self, key: str, speech: Speech) -> None:
        if (old := self._memory.pop(key, None)) is not None:
            self._memory_bytes -= len(old.pcm)
        self._memory[key] = speech
        self._memory_bytes += len(speech.pcm)
        while self._memory_bytes > self._memory_limit_bytes:
            _, oldest = self._memory.popitem(last=False)
            self._memory_bytes -= len(oldest.pcm)


@dataclass(slots=True)
class _Flight:
    """One rendering under way and how many wait for it."""

    task: asyncio.Task[Speech]
    urgency: Urgency
    waiters: int = 0


class CachedVoice:
    """A voice that renders each text once (implements `Voice`). On the event loop.

    Equal requests share one rendering; it is cancelled when the last who waits is. Somebody more urgent
    than the rendering under way gets one of his own, as its place in the queue cannot be changed.
    """

    def __init__(
        self, voice: Voice, cache: SpeechCache, *, lasts: Callable[[str], bool] = lambda _text: True
    ) -> None:
        """A text that does not last is kept in memory only: it may hold what one caller has told."""
        self._voice = voice
        self._cache = cache
        self._lasts = lasts
        self._flights: dict[str, _Flight] = {}
        self._saving: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        return self._voice.name

    async def cached(self, text: str) -> Speech | None:
        """Return the kept rendering, or None; does not render."""
        return await self._cache.get(self.name, text)

    async def speak(self, text: str, urgency: Urgency) -> Speech:
        """Return the kept rendering or make one; raises what the voice raises."""
        if speech := await self._cache.get(self.name, text):
            return speech
        flight = self._flights.get(text)
        if flight is None or flight.urgency > urgency:
            task = asyncio.create_task(self._render(text, urgency), name=f"speak by {self.name}")
            flight = self._flights[text] = _Flight(task, urgency)
            task.add_done_callback(lambda done: self._landed(text, done))
        flight.waiters += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiters -= 1
            if not flight.waiters and not flight.task.done():
                flight.task.cancel()
                if self._flights.get(text) is flight:
                    del self._flights[text]

    async def close(self) -> None:
        """Cancel renderings and finish writing; may be called twice."""
        tasks = [flight.task for flight in self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *self._saving, return_exceptions=True)

    async def _render(self, text: str, urgency: Urgency) -> Speech:
        speech = await self._voice.speak(text, urgency)
        if speech.text != text or not speech.pcm:
            return speech
        if not self._lasts(text):
            self._cache.put_in_memory(self.name, speech)
        else:
            # Whoever waits gets the speech now; the disk may take its time.
            saving = asyncio.create_task(self._cache.put(self.name, speech), name="keep speech")
            self._saving.add(saving)
            saving.add_done_callback(self._saving.discard)
        return speech

    def _landed(self, text: str, task: asyncio.Task[Speech]) -> None:
        flight = self._flights.get(text)
        if flight is not None and flight.task is task:
            del self._flights[text]
        if not task.cancelled():
            task.exception()  # taken: with no one left to wait for it nobody else would
