"""What the agent has queued for the caller: nothing of a cancelled answer ever gets there."""

import asyncio
import logging
from collections.abc import Callable

from agents.conversation.history import History
from gateway.errors import ProviderError, ProviderUnavailable
from gateway.model.line import Line, PlaybackEnded, PlaybackStarted
from gateway.model.speech import Speech, Urgency, Voice

log = logging.getLogger(__name__)

AHEAD_S = 4.0
"""Speech queued but not played yet above which no more is rendered: it may be interrupted."""

RENDER_BOUND_S = 15.0
"""Longest wait for one sentence, both voices and their own bounds included."""

FLOOR_BOUND_S = 10.0
"""Longest the agent waits for the caller to stop before it speaks all the same (stuck noise)."""

DROPS_BOUND_S = 0.3
"""Longest an answer waits to learn how much of an interrupted one was heard."""

STUCK_S = 5.0
"""A playback whose end has not been reported so long after it was due is taken to be over."""


class Speaker:
    """The agent's voice on one line. Owned by one conversation.

    Each answer speaks under a generation; `silence` begins a new one, so whatever an older answer
    still renders is thrown away.
    """

    def __init__(
        self, line: Line, voice: Voice, history: History, is_floor_free: Callable[[], bool]
    ) -> None:
        self._line = line
        self._voice = voice
        self._history = history
        self._is_floor_free = is_floor_free
        self._floor = asyncio.Event()
        self._generation = 0
        self._queued: dict[int, Speech] = {}
        self._dropped: set[int] = set()
        self._drops_known = asyncio.Event()
        self._ends_s = 0.0
        self._paused_s: float | None = None
        self._last_text = ""

    @property
    def generation(self) -> int:
        return self._generation

    @property
    def is_speaking(self) -> bool:
        """Whether something queued has not been heard to its end yet (a pause counts)."""
        return bool(self._queued)

    @property
    def ends_s(self) -> float:
        """When what is queued will have been played, if nothing stops it."""
        return self._ends_s

    @property
    def has_asked(self) -> bool:
        """Whether the last sentence was a question."""
        return self._last_text.rstrip().endswith("?")

    async def render(self, text: str, urgency: Urgency) -> Speech:
        """Make speech; tries once more before it raises `ProviderError`."""
        try:
            return await self._render_once(text, urgency)
        except ProviderError as error:
            log.warning("voice failed, trying again", extra={"reason": repr(error)})
            return await self._render_once(text, urgency)

    async def _render_once(self, text: str, urgency: Urgency) -> Speech:
        try:
            async with asyncio.timeout(RENDER_BOUND_S):
                return await self._voice.speak(text, urgency)
        except TimeoutError as error:
            raise ProviderUnavailable(f"the voice took over {RENDER_BOUND_S:.0f} s") from error

    async def wait_for_room(self) -> None:
        """Wait until little enough is queued to render more."""
        loop = asyncio.get_running_loop()
        while self._queued:
            ahead_s = self._remaining_s(loop.time()) - AHEAD_S
            if ahead_s <= 0:
                break
            # A pause moves the end, so look again now and then instead of waking on every change.
            await asyncio.sleep(min(ahead_s, 1.0))

    async def wait_for_floor(self) -> None:
        """Wait, bounded, until the caller is not speaking."""
        if self._is_floor_free():
            return
        try:
            async with asyncio.timeout(FLOOR_BOUND_S):
                while not self._is_floor_free():
                    self._floor.clear()
                    await self._floor.wait()
        except TimeoutError:
            log.info("speaking although the caller does")

    def floor_changed(self) -> None:
        """Wake whoever waits for the floor; call whenever it may have become free."""
        self._floor.set()

    async def wait_for_drops(self) -> None:
        """Wait, bounded, until it is known how much was heard of what has been dropped."""
        if not self._dropped:
            return
        self._drops_known.clear()
        try:
            async with asyncio.timeout(DROPS_BOUND_S):
                await self._drops_known.wait()
        except TimeoutError:
            log.warning("nobody told how much of the dropped speech was heard")

    def say(self, generation: int, speech: Speech) -> int | None:
        """Queue speech; returns its playback id, or None if the generation is over."""
        if generation != self._generation:
            return None
        playback_id = self._line.say(speech)
        self.adopt(playback_id, speech)
        return playback_id

    def adopt(self, playback_id: int, speech: Speech) -> None:
        """Take speech that is queued on the line for our own, whoever had it said."""
        now_s = asyncio.get_running_loop().time()
        self._queued[playback_id] = speech
        self._ends_s = max(now_s, self._ends_s) + speech.duration_ms / 1000
        self._last_text = speech.text
        self._history.saying(playback_id, speech.text)

    # What happens to it ---------------------------------------------------------------------------

    def pause(self, now_s: float) -> None:
        if self._line.is_playing and self._paused_s is None:
            self._paused_s = now_s
            self._line.pause()

    def resume(self, now_s: float) -> None:
        if self._paused_s is not None:
            self._ends_s += now_s - self._paused_s
            self._paused_s = None
            self._line.resume()

    def silence(self, reason: str) -> None:
        """Drop all that is queued and all that is still being made."""
        self._generation += 1
        self._paused_s = None
        if self._queued:
            self._dropped.update(self._queued)
            self._queued.clear()
            self._ends_s = 0.0
            self._line.interrupt(reason)

    def started(self, event: PlaybackStarted) -> None:
        if event.playback_id in self._queued:
            total_ms = sum(speech.duration_ms for speech in self._queued.values())
            self._ends_s = event.at_s + total_ms / 1000

    def ended(self, event: PlaybackEnded) -> None:
        self._queued.pop(event.playback_id, None)
        self._dropped.discard(event.playback_id)
        self._history.heard(event.playback_id, event.heard, event.interrupted)
        if not self._dropped:
            self._drops_known.set()

    def stuck_deadline_s(self) -> float | None:
        """When to look whether an end was missed."""
        if not self._queued or self._paused_s is not None:
            return None
        return self._ends_s + STUCK_S

    def tick(self, now_s: float) -> None:
        """Give up waiting for ends that were never reported."""
        deadline_s = self.stuck_deadline_s()
        if deadline_s is None or now_s < deadline_s:
            return
        if self._line.is_playing:
            self._ends_s = now_s
            return
        log.warning("playback ends were not reported", extra={"playbacks": len(self._queued)})
        self._queued.clear()

    def _remaining_s(self, now_s: float) -> float:
        return self._ends_s - (self._paused_s if self._paused_s is not None else now_s)
