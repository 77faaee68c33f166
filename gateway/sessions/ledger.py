"""The playout ledger: which words are where in a leg's playout, and how many of them were heard.

Sans-I/O. The owner hands in what it wants said and what the leg reports, and carries out the `Action`s
that come back, in order. Positions are the leg's `played_ms` (audio played so far; silence between does
not count); they come from the marks before and after each playback, never from a guess.

    say ──► playing ──pause──► pausing ──Cleared──► paused ──resume──► playing
               └──interrupt──► dropping ──Cleared──► playing

While a clear is on its way to the leg nothing is queued behind it, so what it cleared is always known.
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from gateway.model.endpoint import PLAYOUT_LIMIT_MS
from gateway.model.frame import BYTES_PER_MS, FRAME_BYTES, SAMPLE_BYTES, duration_ms
from gateway.model.speech import Speech
from gateway.sessions.heard import heard_text

FEED_LIMIT_MS = 60_000
"""Audio that is pushed ahead into the leg; the rest waits here, so the leg's own limit is not met."""

FEED_LIMIT_PLAYBACKS = 100
"""The same for the leg's limit of marks (two a playback)."""

_LEG_LIMIT_BYTES = PLAYOUT_LIMIT_MS * BYTES_PER_MS

WAITING_LIMIT = 1_000
"""Most playbacks in a ledger; what is said beyond ends at once, unheard."""


# Actions and notices --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlayAudio:
    pcm: bytes


@dataclass(frozen=True, slots=True)
class PutMark:
    name: str


@dataclass(frozen=True, slots=True)
class ClearPlayout:
    pass


@dataclass(frozen=True, slots=True)
class Started:
    """The first sample of a playback left."""

    playback_id: int
    label: str
    at_s: float
    text: str
    """What is going to be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The one end of a playback."""

    playback_id: int
    label: str
    at_s: float
    started_at_s: float | None
    """When its first sample left; None if none did."""
    speech: Speech
    heard: str
    heard_ms: float
    interrupted: bool
    is_estimate: bool = False
    """True when the leg was lost before it could say how far it had played."""


Action = PlayAudio | PutMark | ClearPlayout
Step = Action | Started | Finished


class _Mode(StrEnum):
    PLAYING = "playing"
    PAUSING = "pausing"
    PAUSED = "paused"
    DROPPING = "dropping"


@dataclass(slots=True)
class _Playback:
    id: int
    label: str
    speech: Speech
    offset_bytes: int = 0
    """How much of it was heard before the part that is queued now."""
    part: int = 0
    part_started_ms: float | None = None
    part_started_at_s: float = 0.0
    started_at_s: float | None = None
    is_fed: bool = False

    @property
    def mark_prefix(self) -> str:
        return self.label if self.part == 0 else f"{self.label}.{self.part}"

    @property
    def left(self) -> bytes:
        return self.speech.pcm[self.offset_bytes :]

    def heard_bytes(self, position_ms: float) -> int:
        if self.part_started_ms is None:
            return self.offset_bytes
        played = round((position_ms - self.part_started_ms) * BYTES_PER_MS)
        played -= played % SAMPLE_BYTES
        return min(len(self.speech.pcm), self.offset_bytes + max(0, played))


class PlayoutLedger:
    """Everything said on one leg, in order; each playback has exactly one `Finished`."""

    def __init__(self) -> None:
        self._mode = _Mode.PLAYING
        self._playbacks: deque[_Playback] = deque()
        self._doomed = 0
        """How many playbacks, from the oldest, go with the clear that is on its way."""
        self._resume_wanted = False
        self._next_id = 1
        self._last_position_ms: float | None = None
        """Newest position that came with a returned mark, until playout goes on."""
        self._has_raw = False

    @property
    def is_playing(self) -> bool:
        """Whether something said has not ended (a paused playout counts, a doomed one does not)."""
        return len(self._playbacks) > self._doomed

    @property
    def is_paused(self) -> bool:
        return self._mode is _Mode.PAUSED or (
            self._mode is _Mode.PAUSING and not self._resume_wanted
        )

    @property
    def last_id(self) -> int:
        """Id of what was said last; 0 if nothing was."""
        return self._next_id - 1

    @property
    def unplayed_ms(self) -> float:
        """Upper bound of the audio that is still to be played."""
        return sum(duration_ms(playback.left) for playback in self._playbacks)

    # What the owner wants ---------------------------------------------------------------------------

    def say(self, speech: Speech, now: float, *, label: str = "") -> tuple[int, list[Step]]:
        """Queue speech; returns its playback id. Its marks are `<label>.start` and `<label>.end`."""
        number = self._next_id
        self._next_id += 1
        playback = _Playback(number, label or f"p{number}", speech)
        if len(self._playbacks) >= WAITING_LIMIT:
            return number, [self._finished(playback, now, 0, interrupted=True)]
        self._playbacks.append(playback)
        return number, self._feed()

    def play_raw(self, pcm: bytes) -> list[Step]:
        """Queue audio without words; dropped while paused or clearing, as it has no position."""
        if self._mode is not _Mode.PLAYING:
            return []
        self._has_raw = True
        return [PlayAudio(pcm)]

    def pause(self) -> list[Step]:
        """Stop and keep what is left; nothing to do when nothing plays."""
        if self._mode is _Mode.PAUSING:
            self._resume_wanted = False
            return []
        if self._mode is not _Mode.PLAYING or not self._playbacks:
            return []
        self._mode = _Mode.PAUSING
        self._resume_wanted = False
        return [ClearPlayout()]

    def resume(self) -> list[Step]:
        """Go on where `pause` stopped."""
        if self._mode is _Mode.PAUSING:
            self._resume_wanted = True
            return []
        if self._mode is not _Mode.PAUSED:
            return []
        self._mode = _Mode.PLAYING
        return self._feed()

    def interrupt(self, now: float) -> list[Step]:
        """Drop everything said so far; the ends follow when the leg has told its position."""
        if self._mode in (_Mode.PAUSING, _Mode.DROPPING):
            self._mode = _Mode.DROPPING
            self._doomed = len(self._playbacks)
            return []
        if self._mode is _Mode.PAUSED:
            self._mode = _Mode.PLAYING
            return self._end_first(len(self._playbacks), None, now)
        if not self._playbacks and not self._has_raw:
            return []
        self._mode = _Mode.DROPPING
        self._doomed = len(self._playbacks)
        return [ClearPlayout()]

    # What the leg reports ---------------------------------------------------------------------------

    def marked(self, name: str, played_ms: float, at_s: float, *, cleared: bool) -> list[Step]:
        """A mark came back. Marks that are not of a playback are ignored."""
        if cleared:
            self._last_position_ms = played_ms
            return []
        self._last_position_ms = None
        for playback in self._playbacks:
            if not playback.is_fed:
                break
            if name == f"{playback.mark_prefix}.start":
                return self._part_started(playback, played_ms, at_s)
            if name == f"{playback.mark_prefix}.end":
                return self._part_ended(playback, at_s)
        return []

    def cleared(self, played_ms: float, at_s: float) -> list[Step]:
        """The leg dropped its queue at `played_ms`."""
        self._has_raw = False
        self._last_position_ms = None
        mode, self._mode = self._mode, _Mode.PLAYING
        if mode is _Mode.PAUSING:
            steps = self._keep_what_is_left(played_ms, at_s)
            if not self._resume_wanted:
                self._mode = _Mode.PAUSED
                return steps
            return steps + self._feed()
        if mode is _Mode.PAUSED:
            self._mode = mode
            return []
        doomed = self._doomed
        if mode is _Mode.PLAYING:  # not asked for by us: what was in the leg is gone all the same
            doomed = sum(playback.is_fed for playback in self._playbacks)
        return self._end_first(doomed, played_ms, at_s) + self._feed()

    def finish(self, at_s: float) -> list[Step]:
        """The leg is over: end every playback, by the last known position or else by the clock."""
        steps: list[Step] = []
        while self._playbacks:
            playback = self._playbacks.popleft()
            heard, is_estimate = playback.offset_bytes, False
            if self._last_position_ms is not None:
                heard = playback.heard_bytes(self._last_position_ms)
            elif playback.is_fed and playback.part_started_ms is not None:
                elapsed_ms = max(0.0, (at_s - playback.part_started_at_s) * 1000)
                heard = playback.heard_bytes(playback.part_started_ms + elapsed_ms)
                is_estimate = True
            steps.append(self._cut(playback, at_s, heard, is_estimate=is_estimate))
        self._doomed = 0
        self._mode = _Mode.PLAYING
        return steps

    # Inside -----------------------------------------------------------------------------------------

    def _part_started(self, playback: _Playback, played_ms: float, at_s: float) -> list[Step]:
        playback.part_started_ms = played_ms
        playback.part_started_at_s = at_s
        if playback.started_at_s is not None:
            return []
        playback.started_at_s = at_s
        return [Started(playback.id, playback.label, at_s, playback.speech.text)]

    def _part_ended(self, playback: _Playback, at_s: float) -> list[Step]:
        """Playout is in order: whatever was before it has ended too, should its mark be missing."""
        steps: list[Step] = []
        while self._playbacks:
            first = self._playbacks.popleft()
            self._doomed = max(0, self._doomed - 1)
            whole = len(first.speech.pcm)
            heard = min(whole, first.offset_bytes + _LEG_LIMIT_BYTES)
            steps.append(self._finished(first, at_s, heard, interrupted=heard < whole))
            if first is playback:
                break
        return steps + self._feed()

    def _feed(self) -> list[Step]:
        """Push what waits into the leg, as far as the leg's limits allow."""
        if self._mode is not _Mode.PLAYING:
            return []
        steps: list[Step] = []
        fed = [playback for playback in self._playbacks if playback.is_fed]
        fed_ms = sum(duration_ms(playback.left) for playback in fed)
        fed_count = len(fed)
        for playback in self._playbacks:
            if playback.is_fed:
                continue
            length_ms = duration_ms(playback.left)
            if fed_count and (
                fed_ms + length_ms > FEED_LIMIT_MS or fed_count >= FEED_LIMIT_PLAYBACKS
            ):
                break
            fed_ms += length_ms
            fed_count += 1
            playback.is_fed = True
            steps += [
                PutMark(f"{playback.mark_prefix}.start"),
                # A single speech over the leg's limit is cut here, so that its end is told truly.
                PlayAudio(playback.left[:_LEG_LIMIT_BYTES]),
                PutMark(f"{playback.mark_prefix}.end"),
            ]
        return steps

    def _keep_what_is_left(self, played_ms: float, at_s: float) -> list[Step]:
        """After a clear for a pause: cut each fed playback to what was not heard of it."""
        steps: list[Step] = []
        keep: deque[_Playback] = deque()
        for playback in self._playbacks:
            if playback.is_fed:
                playback.offset_bytes = playback.heard_bytes(played_ms)
                playback.part += 1
                playback.part_started_ms = None
                playback.is_fed = False
                if len(playback.left) < FRAME_BYTES and playback.started_at_s is not None:
                    whole = len(playback.speech.pcm)
                    steps.append(self._finished(playback, at_s, whole, interrupted=False))
                    continue
            keep.append(playback)
        self._playbacks = keep
        return steps

    def _end_first(self, count: int, played_ms: float | None, at_s: float) -> list[Step]:
        """End the oldest `count` playbacks as interrupted at a position (None: at a pause)."""
        self._doomed = 0
        steps: list[Step] = []
        for _ in range(count):
            playback = self._playbacks.popleft()
            heard = playback.offset_bytes
            if playback.is_fed and played_ms is not None:
                heard = playback.heard_bytes(played_ms)
            steps.append(self._cut(playback, at_s, heard))
        return steps

    def _cut(
        self, playback: _Playback, at_s: float, heard_bytes: int, *, is_estimate: bool = False
    ) -> Finished:
        """End a playback that was stopped: interrupted, unless all but its last frame was heard."""
        is_whole = heard_bytes > len(playback.speech.pcm) - FRAME_BYTES
        interrupted = playback.started_at_s is None or not is_whole
        return self._finished(
            playback, at_s, heard_bytes, interrupted=interrupted, is_estimate=is_estimate
        )

    def _finished(
        self,
        playback: _Playback,
        at_s: float,
        heard_bytes: int,
        *,
        interrupted: bool,
        is_estimate: bool = False,
    ) -> Finished:
        heard_ms = heard_bytes / BYTES_PER_MS
        speech = playback.speech
        return Finished(
            playback_id=playback.id,
            label=playback.label,
            at_s=at_s,
            started_at_s=playback.started_at_s,
            speech=speech,
            heard=heard_text(speech, heard_ms) if interrupted else speech.text,
            heard_ms=heard_ms,
            interrupted=interrupted,
            is_estimate=is_estimate,
        )
