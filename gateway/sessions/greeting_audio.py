"""Decides which audio the caller hears for a fixed text: cached, first voice, second voice, bundled clip.

The phone rings meanwhile, so the whole ladder is bounded:

    cached ──miss──► first voice ──bound or failure──► second voice ──bound or failure──► bundled clip

A first voice that was too slow goes on in the background, so the next caller finds it cached.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from gateway.clips import Clip
from gateway.errors import AssetError, GatewayError
from gateway.model.endpoint import PLAYOUT_LIMIT_MS
from gateway.model.frame import duration_ms
from gateway.model.speech import Speech, Urgency, Voice

logger = logging.getLogger(__name__)

SECOND_VOICE_BOUND_S = 1.0
"""How long the second voice may take once the first has failed or run out of time."""

CACHE_BOUND_S = 0.5
"""How long the look-up on disk may take; a disk that hangs is a miss."""

RENDERINGS_LIMIT = 64
"""Background renderings that may be under way; one more is not begun (the next rung is taken)."""


class AudioSource(StrEnum):
    """Which rung of the ladder gave the audio."""

    FILE = "file"
    CACHED = "cached"
    FIRST_VOICE = "first_voice"
    SECOND_VOICE = "second_voice"
    BUNDLED = "bundled"
    NONE = "none"
    """There was nothing to say, or nothing to say it with."""


class CachingVoice(Voice, Protocol):
    """A voice that can tell at once whether it has said a text before."""

    async def cached(self, text: str) -> Speech | None:
        """Return the kept rendering, or None; does not render and does not raise."""


ClipLoader = Callable[[Clip], Speech]
"""Returns a bundled clip; raises `AssetError`. Called in a thread."""

WavLoader = Callable[[Path], bytes]
"""Returns a WAV file as PCM16 mono 16 kHz; raises `AssetError`. Called in a thread."""


@dataclass(frozen=True, slots=True)
class FixedAudio:
    """What the ladder came to."""

    speech: Speech | None
    source: AudioSource


class FixedPhrases:
    """Audio of greetings, goodbyes and apologies. One per gateway, on the event loop."""

    def __init__(
        self,
        first: CachingVoice,
        second: CachingVoice | None,
        clips: ClipLoader,
        load_wav: WavLoader,
        passing: Sequence[CachingVoice] = (),
    ) -> None:
        """`passing` are the same voices for what is said once and must not be kept; by default those two."""
        self._first = first
        self._second = second
        self._passing = (
            (first, second) if not passing else (passing[0], next(iter(passing[1:]), None))
        )
        self._clips = clips
        self._load_wav = load_wav
        self._bundled: dict[Clip, Speech] = {}
        self._files: dict[Path, bytes] = {}
        self._renderings: dict[tuple[str, str], asyncio.Task[Speech]] = {}

    # At start-up ------------------------------------------------------------------------------------

    async def load_clips(self) -> None:
        """Read the bundled clips; one that is missing is logged, its rung is then not there."""
        for clip in Clip:
            try:
                self._bundled[clip] = await asyncio.to_thread(self._clips, clip)
            except (AssetError, OSError) as error:
                logger.error(
                    "bundled clip missing", extra={"clip": clip.value, "reason": str(error)}
                )

    async def load_file(self, path: Path) -> None:
        """Read a greeting file ahead of all calls; raises `AssetError`, naming the remedy."""
        pcm = await asyncio.to_thread(self._load_wav, path)
        if not pcm:
            raise AssetError(f"{path}: has no audio; record it again or remove greeting_file")
        if duration_ms(pcm) > PLAYOUT_LIMIT_MS:
            raise AssetError(
                f"{path}: lasts {duration_ms(pcm) / 1000:.0f} s; a greeting may last "
                f"{PLAYOUT_LIMIT_MS // 1000} s at most"
            )
        self._files[path] = pcm

    async def render_ahead(
        self, texts: Iterable[str], progress: Callable[[int, int, str], None]
    ) -> int:
        """Have every text cached; returns how many could not be rendered (logged, not raised).

        `progress(done, total, text)` is called before the first and after each.
        """
        wanted = list(dict.fromkeys(text for text in texts if text.strip()))
        failed = 0
        progress(0, len(wanted), "")
        for done, text in enumerate(wanted, 1):
            try:
                await self._first.speak(text, Urgency.AHEAD)
            except GatewayError as error:
                failed += 1
                logger.warning("phrase not rendered ahead", extra={"reason": str(error)})
            progress(done, len(wanted), text)
        return failed

    async def close(self) -> None:
        """Stop background renderings; may be called twice."""
        tasks = tuple(self._renderings.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # For a call -------------------------------------------------------------------------------------

    async def greeting(self, text: str, file: Path | None, *, ring_bound_s: float) -> FixedAudio:
        """Return the greeting's audio within about `ring_bound_s` + `SECOND_VOICE_BOUND_S`."""
        if file is not None and (pcm := self._files.get(file)):
            return FixedAudio(Speech(text, pcm, source=AudioSource.FILE.value), AudioSource.FILE)
        return await self.phrase(text, Clip.GREETING, bound_s=ring_bound_s)

    async def phrase(self, text: str, clip: Clip, *, bound_s: float) -> FixedAudio:
        """Return audio for a text by the ladder; never raises, `speech` is None at its very end."""
        audio = await self._ladder(self._first, self._second, text, bound_s)
        if audio.speech is None and text.strip() and (bundled := self._bundled.get(clip)):
            return FixedAudio(bundled, AudioSource.BUNDLED)
        return audio

    async def exact(self, text: str, *, bound_s: float) -> FixedAudio:
        """Return audio that says just this, by either voice; never raises, `speech` is None without one.

        For what somebody writes while a call goes on.
        """
        first, second = self._passing
        return await self._ladder(first, second, text, bound_s)

    async def _ladder(
        self, first: CachingVoice, second: CachingVoice | None, text: str, bound_s: float
    ) -> FixedAudio:
        if not text.strip():
            return FixedAudio(None, AudioSource.NONE)
        if speech := await self._bounded(first.cached(text), CACHE_BOUND_S, "cache"):
            return FixedAudio(speech, AudioSource.CACHED)
        if speech := await self._render(first, text, bound_s):
            return FixedAudio(speech, AudioSource.FIRST_VOICE)
        if second and (speech := await self._render(second, text, SECOND_VOICE_BOUND_S)):
            return FixedAudio(speech, AudioSource.SECOND_VOICE)
        return FixedAudio(None, AudioSource.NONE)

    async def _render(self, voice: Voice, text: str, bound_s: float) -> Speech | None:
        """Render within a bound; leaves the rendering going on when the bound or the caller is over."""
        key = (voice.name, text)
        task = self._renderings.get(key)
        if task is None:
            if len(self._renderings) >= RENDERINGS_LIMIT:
                logger.warning("too many renderings", extra={"voice": voice.name})
                return None
            task = asyncio.create_task(_speak(voice, text), name=f"fixed phrase by {voice.name}")
            self._renderings[key] = task
            task.add_done_callback(lambda done: self._rendered(key, done))
        return await self._bounded(asyncio.shield(task), bound_s, voice.name)

    def _rendered(self, key: tuple[str, str], task: asyncio.Task[Speech]) -> None:
        self._renderings.pop(key, None)
        if not task.cancelled():
            task.exception()  # taken, so that asyncio does not report what `_bounded` has logged

    async def _bounded(
        self, speaking: Awaitable[Speech | None], bound_s: float, what: str
    ) -> Speech | None:
        """Await audio for at most `bound_s`; None (and a warning) for whatever else happens."""
        try:
            async with asyncio.timeout(bound_s):
                speech = await speaking
        except TimeoutError:
            logger.warning("fixed phrase too slow", extra={"voice": what, "bound_s": bound_s})
            return None
        except GatewayError as error:
            logger.warning("fixed phrase failed", extra={"voice": what, "reason": str(error)})
            return None
        except Exception:
            # A fault in a voice must not cost the caller the greeting: the ladder goes on.
            logger.exception("fixed phrase failed", extra={"voice": what})
            return None
        return speech if speech is not None and speech.pcm else None


async def _speak(voice: Voice, text: str) -> Speech:
    return await voice.speak(text, Urgency.FIRST_SENTENCE)
