"""The recording of one call: when it begins, pauses and ends, and what goes into its file."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from gateway.config import AgentBase, EarlySpeech
from gateway.config.recording import RecordingMode, RecordingSection
from gateway.errors import RecordingNotRunning
from gateway.media.hearing import AudioGone, Ear
from gateway.model.endpoint import Leg
from gateway.model.events import Cleared, Marked, MediaUp, Offered
from gateway.model.frame import FRAME_MS, SAMPLE_BYTES
from gateway.model.line import Said
from gateway.recording.clock import TapeClock
from gateway.recording.heard_track import HeardTrack
from gateway.recording.played_track import PlayedTrack
from gateway.recording.tape import Note, Tape
from gateway.recording.tape_state import TapeState, TapeTrigger, advance
from gateway.recording.tapped_leg import TappedLeg
from gateway.recording.writer import TapeWriter

log = logging.getLogger(__name__)

POLL_S = 0.4
"""Length of a block."""
LAG_S = 1.0
"""How long after the fact sound is written: what the leg tells about its playout has come by then."""

OPT_IN_KEY_S = 15.0
"""So long after the greeting, which asks for it, a key asks for recording; later ones are meant for the agent."""
ENTRY_S = 2.5
"""A key that follows another so soon belongs to a number that is entered."""


class CallTape:
    """Implements `Tape`; made by the desk for a call to a number whose calls are recorded."""

    def __init__(
        self,
        offered: Offered,
        ear: Ear,
        note: Note,
        *,
        mode: RecordingMode,
        section: RecordingSection,
        path: Path,
        writer: TapeWriter,
        on_over: Callable[[str], None],
    ) -> None:
        """`on_over(reason)` is called once, with how it ended."""
        self._offered = offered
        self._ear = ear
        self._note = note
        self._mode = mode
        self._section = section
        self._path = path
        self._writer = writer
        self._on_over = on_over
        self._loop = asyncio.get_running_loop()
        self._clock = TapeClock(offered.at_s)
        self._played = PlayedTrack(self._clock)
        self._heard: HeardTrack | None = None
        self._state = TapeState.WAITING
        self._greeting = ""
        """What the caller must have heard."""
        self._asked = ""
        """How the caller asked for it, before the greeting was over."""
        self._is_greeting_over = False
        self._key_until_s = float("inf")
        self._last_key_s = float("-inf")
        self._begun_s = 0.0
        self._read = 0
        """Position in the ear up to which it was read."""
        self._written = 0
        """Sample up to which blocks were handed to the writer."""
        self._pauses: list[tuple[int, int | None]] = []
        self._timer = self._loop.call_later(POLL_S, self._poll)

    @property
    def state(self) -> TapeState:
        return self._state

    # What the caller is told, and says ----------------------------------------------------------------

    def dress(self, settings: AgentBase) -> AgentBase:
        """The announcement cannot be talked over: it counts only if it was heard in full."""
        changes: dict[str, object] = {}
        if self._mode is RecordingMode.ANNOUNCE and settings.early_speech is EarlySpeech.BARGE_IN:
            changes["early_speech"] = EarlySpeech.HOLD
        greeting = told_greeting(self._mode, self._section, settings.greeting)
        self._greeting = greeting
        if greeting != settings.greeting:
            # A recorded greeting does not say it, so its words are rendered instead.
            changes |= {"greeting": greeting, "greeting_file": None}
        return settings.model_copy(update=changes)

    def greeting_over(self, said: Said | None) -> None:
        if self._is_greeting_over:
            return
        self._is_greeting_over = True
        self._key_until_s = self._loop.time() + OPT_IN_KEY_S
        if self._mode is RecordingMode.ANNOUNCE:
            if said is not None and not said.interrupted and said.text == self._greeting:
                self._begin("announced")
            else:
                self._end("announcement_not_heard")
        elif self._asked:
            self._begin(self._asked)

    def take_key(self, digit: str) -> bool:
        last_key_s, self._last_key_s = self._last_key_s, self._loop.time()
        if self._state is TapeState.WAITING:
            is_alone = self._last_key_s - last_key_s >= ENTRY_S
            is_meant = (
                self._mode is RecordingMode.OPT_IN
                and digit == self._section.opt_in_key
                and is_alone
                and self._last_key_s < self._key_until_s
            )
            if is_meant:
                self._ask("asked_by_key")
            return is_meant
        if self._state is TapeState.OVER or digit != self._section.pause_key:
            return False
        if self._state is TapeState.RUNNING:
            self._pause("key")
        else:
            self._resume("key")
        return True

    def understood(self, text: str) -> None:
        if self._state is TapeState.WAITING and self._mode is RecordingMode.OPT_IN:
            said = _plain(text)
            # "Do not record this call" has the words, too: who is not plainly for it is against it.
            is_refused = _has(said, self._section.opt_in_refusals)
            if not is_refused and _has(said, self._section.opt_in_words):
                self._ask("asked_in_words")

    def _ask(self, how: str) -> None:
        if self._is_greeting_over:
            self._begin(how)
        else:
            self._asked = self._asked or how

    # Pauses -------------------------------------------------------------------------------------------

    def pause(self) -> None:
        if not self._pause("asked"):
            raise RecordingNotRunning(f"the recording of this call is {self._state.value}")

    def resume(self) -> None:
        if not self._resume("asked"):
            raise RecordingNotRunning(f"the recording of this call is {self._state.value}")

    def was_paused_since(self, at_s: float) -> bool:
        since = self._clock.sample(at_s)
        return any(end is None or end > since for _, end in self._pauses)

    def _pause(self, reason: str) -> bool:
        if not self._apply(TapeTrigger.PAUSE):
            return False
        now = self._loop.time()
        self._pauses.append((self._clock.sample(now), None))
        self._note(now, {"state": "paused", "reason": reason})
        return True

    def _resume(self, reason: str) -> bool:
        if not self._apply(TapeTrigger.RESUME):
            return False
        now = self._loop.time()
        start, _ = self._pauses.pop()
        self._pauses.append((start, self._clock.sample(now)))
        self._note(now, {"state": "resumed", "reason": reason})
        return True

    # Its life -----------------------------------------------------------------------------------------

    def _apply(self, trigger: TapeTrigger) -> bool:
        following = advance(self._state, trigger)
        if following is None:
            return False
        self._state = following
        return True

    def _begin(self, reason: str) -> None:
        if not self._apply(TapeTrigger.BEGIN):
            return
        # The mark behind the greeting comes back with the frame that carries its end.
        self._begun_s = self._loop.time() + FRAME_MS / 1000
        self._written = self._clock.sample(self._begun_s)
        self._read = self._ear.position
        self._heard = HeardTrack(self._clock, self._begun_s)
        self._writer.begin(self._path, self._failed_on_thread)
        self._note(self._begun_s, {"state": "started", "reason": reason, "file": self._path.name})

    def close(self, at_s: float) -> None:
        """Write what was heard until the end of the call, and finish the file."""
        has_begun = self._state in (TapeState.RUNNING, TapeState.PAUSED)
        if has_begun:
            self._listen(at_s)
            self._hand_over(at_s)
        self._end("call_ended", at_s)

    def _end(self, reason: str, at_s: float | None = None) -> None:
        had_begun = self._heard is not None
        if not self._apply(TapeTrigger.END):
            return
        self._timer.cancel()
        if had_begun:
            self._writer.finish(self._path)
        at_s = self._loop.time() if at_s is None else at_s
        self._note(at_s, {"state": "stopped" if had_begun else "not_started", "reason": reason})
        self._on_over(reason if had_begun else "not_started")

    def _failed_on_thread(self, reason: str) -> None:
        try:
            self._loop.call_soon_threadsafe(self._fail, reason)
        except RuntimeError:
            log.warning("a recording failed while the gateway stopped", extra={"reason": reason})

    def _fail(self, reason: str) -> None:
        log.error("recording stopped", extra={"call_id": self._offered.call_id, "reason": reason})
        self._end(reason)

    # Sound --------------------------------------------------------------------------------------------

    def tap(self, leg: Leg) -> Leg:
        return TappedLeg(leg, self._played, self._loop.time)

    def see(self, event: object) -> None:
        match event:
            case Marked():
                self._played.marked(event.name, event.played_ms, event.at_s, cleared=event.cleared)
            case Cleared():
                self._played.cleared(event.played_ms)
            case MediaUp():
                self._played.media_up(event.at_s)

    def _poll(self) -> None:
        now = self._loop.time()
        self._timer = self._loop.call_later(POLL_S, self._poll)
        if self._heard is None:
            self._played.take(now - LAG_S)  # not to keep what was played before
            return
        self._listen(now)
        if now - LAG_S > self._begun_s:
            self._hand_over(now - LAG_S)

    def _listen(self, now: float) -> None:
        position = self._ear.position
        if self._heard is None or position <= self._read:
            return
        try:
            pcm = self._ear.read(self._read, position)
        except AudioGone:
            pcm = b""
        self._read = position
        self._heard.push(pcm, now)

    def _hand_over(self, until_s: float) -> None:
        if self._heard is None:
            return
        self._played.take(self._begun_s)  # nothing, once it is passed
        start = self._written
        left, right = self._heard.take(until_s), self._played.take(until_s)
        self._written += len(left) // SAMPLE_BYTES
        for begin, end in self._pauses:
            left, right = (hush(track, start, begin, end) for track in (left, right))
        if left:
            self._writer.write(self._path, start - self._clock.sample(self._begun_s), left, right)


def told_greeting(mode: RecordingMode, section: RecordingSection, greeting: str) -> str:
    """Return the words of a greeting with what the caller must be told of the recording."""
    parts: tuple[str, ...]
    match mode:
        case RecordingMode.ANNOUNCE:
            parts = (section.announcement, greeting)
        case RecordingMode.OPT_IN:
            parts = (greeting, section.opt_in_prompt)
        case RecordingMode.OFF:
            parts = (greeting,)
    if not all(part.strip() for part in parts):
        return greeting if greeting.strip() else "".join(parts)
    return " ".join(part.strip() for part in parts)


def hush(track: bytes, start: int, begin: int, end: int | None) -> bytes:
    """Return a track that starts at sample `start` with silence from `begin` to `end` (None: its end)."""
    size = len(track)
    first = min(size, max(0, (begin - start) * SAMPLE_BYTES))
    last = size if end is None else min(size, max(0, (end - start) * SAMPLE_BYTES))
    if first >= last:
        return track
    return track[:first] + bytes(last - first) + track[last:]


def _plain(text: str) -> str:
    """Only letters, digits and single spaces, so that a recogniser's punctuation does not matter."""
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())


def _has(said: str, phrases: Iterable[str]) -> bool:
    """Whether one of the phrases is in what was said, word for word."""
    return any(f" {plain} " in f" {said} " for phrase in phrases if (plain := _plain(phrase)))


_: type[Tape] = CallTape
