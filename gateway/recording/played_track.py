"""Our side of a recording: what the caller was really played, from what was queued and what the leg reports.

Sound is pushed into a leg long before it is heard, and may never be. So the track follows the leg's own
account of it: a mark says when the sound behind it began, a clear how much before it was heard. Between
marks sound runs on without a gap, as it does on the leg's clock. The track is taken some time after the fact,
so that what tells about a moment has come by then.
"""

from collections import deque
from dataclasses import dataclass

from gateway.model.frame import BYTES_PER_MS, SAMPLE_BYTES, SAMPLES_PER_MS
from gateway.recording.clock import TapeClock, silence

CONTINUOUS_MS = 40
"""Frames without marks that are queued so soon after the last one sounded on without a gap: the leg had them
in time by its own clock."""

_NEVER = 2**62


@dataclass(frozen=True, slots=True)
class _Sound:
    pcm: bytes
    queued: int
    """When it was queued, in samples of the recording: it cannot have been heard before."""


@dataclass(frozen=True, slots=True)
class _Reached:
    sample: int
    position: int
    """Bytes the leg had played by then."""


class PlayedTrack:
    """Sans-I/O. Times are seconds of the monotonic clock; one track sees a leg from its beginning."""

    def __init__(self, clock: TapeClock) -> None:
        self._clock = clock
        self._queue: deque[_Sound | str] = deque()
        self._reached: dict[str, _Reached] = {}
        self._offset = 0  # bytes taken of the first sound
        self._position = 0  # bytes of sound taken since the leg began
        self._taken = 0  # samples handed out so far
        self._media_up: int | None = None
        self._is_sounding = False

    # What is asked of the leg -------------------------------------------------------------------------

    def play(self, pcm: bytes, now: float) -> None:
        if pcm:
            self._queue.append(_Sound(pcm, self._clock.sample(now)))

    def mark(self, name: str) -> None:
        self._queue.append(name)

    # What the leg reports -----------------------------------------------------------------------------

    def media_up(self, at_s: float) -> None:
        """Nothing is heard before this."""
        if self._media_up is None:
            self._media_up = self._clock.sample(at_s)

    def marked(self, name: str, played_ms: float, at_s: float, *, cleared: bool) -> None:
        """A mark came back; one that a clear returned says nothing: what was cleared is told by that."""
        if not cleared and name in self._queue:
            position = round(played_ms * BYTES_PER_MS)
            self._reached[name] = _Reached(self._clock.sample(at_s), position)

    def cleared(self, played_ms: float) -> None:
        """Everything queued beyond a position was dropped unheard."""
        end = round(played_ms * BYTES_PER_MS)
        kept: deque[_Sound | str] = deque()
        position = self._position - self._offset
        for item in self._queue:
            if isinstance(item, str):
                if item in self._reached:
                    kept.append(item)
            elif position < end:
                heard = item.pcm[: end - position]
                kept.append(_Sound(heard, item.queued))
                position += len(heard)
        self._queue = kept
        first = kept[0] if kept else None
        if not isinstance(first, _Sound) or self._offset >= len(first.pcm):
            if isinstance(first, _Sound):
                kept.popleft()
            self._offset = 0
        if not any(isinstance(item, _Sound) for item in kept):
            self._position = end

    # The track ----------------------------------------------------------------------------------------

    def take(self, until_s: float) -> bytes:
        """Return the track from where the last one ended until a moment."""
        target = self._clock.sample(until_s)
        track = bytearray()
        while self._taken < target:
            begin, first = self._next_sound()
            if first is None or begin > self._taken:
                quiet = min(target, begin) - self._taken
                track += silence(quiet)
                self._taken += quiet
                self._is_sounding = False
                continue
            part = first.pcm[self._offset : self._offset + (target - self._taken) * SAMPLE_BYTES]
            track += part
            self._taken += len(part) // SAMPLE_BYTES
            self._position += len(part)
            self._offset += len(part)
            self._is_sounding = True
            if self._offset >= len(first.pcm):
                self._queue.popleft()
                self._offset = 0
        return bytes(track)

    def _next_sound(self) -> tuple[int, _Sound | None]:
        """Return when the next thing happens, and the sound that begins or goes on then, if it is one.

        Marks that were reached by now are passed. Nothing known to come: `_NEVER`.
        """
        while self._queue:
            first = self._queue[0]
            if isinstance(first, _Sound):
                if self._media_up is None:
                    break
                if self._offset:
                    return self._taken, first
                return self._begin_of(first, self._media_up), first
            reached = self._reached.get(first)
            if reached is None:
                break
            if reached.sample > self._taken:
                return reached.sample, None
            self._position = reached.position
            del self._reached[first]
            self._queue.popleft()
        return _NEVER, None

    def _begin_of(self, sound: _Sound, media_up: int) -> int:
        earliest = max(sound.queued, media_up)
        if self._is_sounding and earliest - self._taken <= CONTINUOUS_MS * SAMPLES_PER_MS:
            return self._taken
        return max(self._taken, earliest)
