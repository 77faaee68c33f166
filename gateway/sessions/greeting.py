"""The time behind the closed gate: brings together the gate, early speech, early keys and our echo."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from gateway.config import EarlySpeech, GreetingSection, TurnsSection
from gateway.media.hearing import AudioGone, Ear, SpeechEvent, SpeechStarted
from gateway.model.events import Dtmf
from gateway.model.frame import BYTES_PER_MS, FRAME_MS, SAMPLES_PER_MS
from gateway.model.line import KeyPressed, LineEvent
from gateway.model.speech import Speech
from gateway.rooms.timeline import Fact
from gateway.sessions.early_speech import ECHO_GRACE_MS, EarlySpeechPolicy, Handover
from gateway.sessions.gate import GreetingGate, Hold, Opening, OpenReason
from gateway.sessions.timers import Timer, Timers

KEYS_LIMIT = 32
"""Keys kept while the gate is closed; more are dropped (nobody dials that much unheard)."""

TAIL_MS = 100
"""Kept after the last voiced sample: word endings are softer than voice activity sees."""

ECHO_DELAY_MS = 1_500
"""Longest way of our voice to the caller's microphone and back (mobile and satellite paths)."""

ECHO_AGAIN_MS = 500
"""How soon speech that was judged to be echo is looked at again, should it go on."""

Judge = Callable[[int, bytes, bytes], None]
"""`judge(start, played, heard)` begins an echo check; the answer comes back by `judged`."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What follows from the opening."""

    opening: Opening
    first: tuple[LineEvent, ...]
    """What the agent is told at once, in order."""
    handover: Handover
    facts: dict[str, Fact]


class GreetingPhase:
    """Owned by one session, on the event loop. All `now` are seconds of the loop's clock."""

    def __init__(
        self,
        settings: GreetingSection,
        turns: TurnsSection,
        policy: EarlySpeech,
        ear: Ear,
        timers: Timers,
        judge: Judge,
    ) -> None:
        self._gate = GreetingGate(echo_tail_s=settings.echo_tail_ms / 1000)
        self._hold: Hold = self._gate.hold("agent")
        self._deadline_s = settings.gate_deadline_s
        self._policy = policy
        self._early = EarlySpeechPolicy(
            policy,
            hold_limit_ms=settings.hold_limit_s * 1000,
            interrupt_after_ms=turns.interrupt_after_ms,
        )
        self._ear = ear
        self._timers = timers
        self._judge = judge
        self._keys: deque[Dtmf] = deque()
        self._keys_dropped = 0
        self._greeting: Speech | None = None
        self._greeting_from: int | None = None
        self._barge_in_asked: int | None = None
        self._asked: int | None = None
        """Start of the stretch that was checked last."""

    @property
    def is_open(self) -> bool:
        return self._gate.is_open

    # The greeting -----------------------------------------------------------------------------------

    def answered(self, now: float) -> None:
        """From here the deadline runs."""
        self._gate.set_deadline(now + self._deadline_s)
        self._arm(now)

    def greeting_started(self, greeting: Speech) -> None:
        self._greeting = greeting
        self._greeting_from = self._ear.position

    def release(self, now: float, reason: OpenReason) -> None:
        """The greeting was played, or there is none: the gate opens in a moment, by its timer."""
        self._gate.release(self._hold, now, reason)
        self._arm(now)
        start = self._early.speaking_since
        if start is not None:
            # Our own last words may still be coming back when the gate opens.
            self._ask(start, self._ear.position)

    def poll(self, now: float) -> Opened | None:
        """On `Timer.GATE`: open if it is time."""
        opening = self._gate.poll(now)
        if opening is None:
            self._arm(now)
            return None
        return self._opened(opening)

    def open(self, now: float, reason: OpenReason) -> Opened | None:
        """Open at once; None if it was open."""
        opening = self._gate.open(now, reason)
        return None if opening is None else self._opened(opening)

    def _arm(self, now: float) -> None:
        if (due_s := self._gate.due_s) is not None:
            self._timers.set(Timer.GATE, due_s - now)

    def _opened(self, opening: Opening) -> Opened:
        self._timers.cancel(Timer.GATE)
        self._timers.cancel(Timer.BARGE_IN)
        position = self._ear.position
        start = self._early.speaking_since
        ongoing = self._read(start, position) if start is not None else b""
        handover = self._early.opened(position, opening.at_s, ongoing)
        if start is not None and handover.first is None:
            self._timers.set(Timer.ECHO_GRACE, ECHO_GRACE_MS / 1000)
        first: list[LineEvent] = [] if handover.first is None else [handover.first]
        first += [KeyPressed(key.at_s, key.digit) for key in self._keys]
        self._keys.clear()
        facts: dict[str, Fact] = {
            "policy": self._policy.value,
            "stretches": handover.stretches,
            "held_ms": round(handover.held_ms, 1),
            "dropped_ms": round(handover.dropped_ms, 1),
            "echo_ms": round(handover.echo_ms, 1),
            "forgotten_ms": round(handover.forgotten_ms, 1),
        }
        if self._keys_dropped:
            facts["keys_dropped"] = self._keys_dropped
        return Opened(opening, tuple(first), handover, facts)

    # The caller -------------------------------------------------------------------------------------

    def key(self, event: Dtmf) -> None:
        """Keep a key pressed while the gate is closed."""
        if len(self._keys) >= KEYS_LIMIT:
            self._keys_dropped += 1
            return
        self._keys.append(event)

    def hear(self, event: SpeechEvent) -> tuple[LineEvent, ...]:
        """Take a speech event; returns what the agent is to be told (nothing while closed)."""
        if self._gate.is_open:
            return self._early.translate(event)
        if isinstance(event, SpeechStarted):
            self._early.started(event.start)
        else:
            tail = min(event.stop + TAIL_MS * SAMPLES_PER_MS, self._ear.position)
            self._early.stopped(event.start, event.stop, self._read(event.start, tail))
            self._timers.cancel(Timer.BARGE_IN)
            self._ask(event.start, event.stop)
        wait_ms = self._early.interrupt_in_ms(self._ear.position)
        if wait_ms is not None:
            self._timers.set(Timer.BARGE_IN, wait_ms / 1000)
        return ()

    def barge_in_due(self) -> bool:
        """On `Timer.BARGE_IN`: whether to cut the greeting now; asks for an echo check first."""
        if self._gate.is_open:
            return False
        position = self._ear.position
        wait_ms = self._early.interrupt_in_ms(position)
        if wait_ms is None:
            return False
        if wait_ms > 0:  # the audio clock is behind the timer's, or stands still
            self._timers.set(Timer.BARGE_IN, max(wait_ms, FRAME_MS) / 1000)
            return False
        start = self._early.speaking_since
        if start is None:  # enough was said and is over; its check, if one began, decides
            return self._early.last_start != self._asked
        self._barge_in_asked = start
        return not self._ask(start, position)

    def judged(self, start: int, *, is_echo: bool) -> bool:
        """Take the answer of an echo check; returns whether to cut the greeting now."""
        if self._gate.is_open:
            return False
        self._early.judged(start, is_echo=is_echo)
        has_enough = self._early.interrupt_in_ms(self._ear.position) == 0
        if not is_echo:
            return has_enough and self._early.last_start == start
        if self._early.speaking_since == start and self._barge_in_asked == start:
            self._timers.set(Timer.BARGE_IN, ECHO_AGAIN_MS / 1000)
        return False

    def echo_grace_over(self, now: float) -> tuple[LineEvent, ...]:
        """On `Timer.ECHO_GRACE`: what was taken for echo and goes on is the caller."""
        told = self._early.confirm(self._ear.position, now)
        if told is not None:
            return (told,)
        if self._early.is_suspect:  # the audio clock is behind the timer's
            self._timers.set(Timer.ECHO_GRACE, FRAME_MS / 1000)
        return ()

    def read(self, start: int, stop: int) -> bytes:
        """Return audio the agent may hear; raises `AudioGone`."""
        return self._early.read(start, stop, self._ear.read, self._ear.position)

    def _read(self, start: int, stop: int) -> bytes:
        try:
            return self._ear.read(start, stop)
        except AudioGone:
            return b""

    def _ask(self, start: int, stop: int) -> bool:
        """Begin an echo check of `[start, stop)`; False if there is nothing to compare it with."""
        if self._policy is EarlySpeech.DROP or self._greeting is None:
            return False
        if self._greeting_from is None or stop <= self._greeting_from:
            return False
        until_ms = (stop - self._greeting_from) / SAMPLES_PER_MS
        since_ms = max(0.0, (start - self._greeting_from) / SAMPLES_PER_MS - ECHO_DELAY_MS)
        pcm = self._greeting.pcm
        played = pcm[int(since_ms) * BYTES_PER_MS : int(until_ms) * BYTES_PER_MS]
        heard = self._read(start, stop)
        if not played or not heard:
            return False
        self._asked = start
        self._judge(start, played, heard)
        return True
