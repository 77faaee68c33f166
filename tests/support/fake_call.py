"""One pretended call: the far end's side of a leg, without any network; time is passed in.

Shared by `FakeEndpoint` (virtual time) and `fake_worker` (a real process), so both behave the same.
"""

import math
import struct
from collections import deque
from collections.abc import Callable
from enum import StrEnum

from gateway.media.playout import MarkReached, PlayoutQueue
from gateway.model.events import (
    Answered,
    Cleared,
    Dtmf,
    Ended,
    LegEvent,
    Marked,
    MediaUp,
    MediaUpReason,
    Ringing,
)
from gateway.model.frame import FRAME_BYTES, FRAME_SAMPLES, RATE_HZ, SILENCE
from gateway.model.hangup import HangupCause

HEARD_LIMIT_BYTES = 300 * RATE_HZ * 2
"""The far end remembers the last five minutes."""
SPOKEN_LIMIT_FRAMES = 15_000


class CallState(StrEnum):
    """Where a pretended call is in its life."""

    OFFERED = "offered"
    ANSWERING = "answering"
    """We accepted; the far end has not acknowledged."""
    ANSWERED = "answered"
    ENDED = "ended"


class CallerAudio(StrEnum):
    """What the far end sends when it was not told to speak."""

    SILENCE = "silence"
    ECHO = "echo"
    """What it hears, one tick later."""
    TONE = "tone"
    """440 Hz."""


def tone(milliseconds: int, frequency_hz: float = 440.0, level: float = 0.3) -> bytes:
    """Return a sine, PCM16 mono 16 kHz; `level` is its amplitude as a part of full scale."""
    count = milliseconds * RATE_HZ // 1000
    step = 2 * math.pi * frequency_hz / RATE_HZ
    return struct.pack(
        f"<{count}h", *(int(32767 * level * math.sin(step * i)) for i in range(count))
    )


class FakeCall:
    """A call as the network would see it; whoever owns it calls `tick` every 20 ms."""

    def __init__(
        self,
        call_id: str,
        emit: Callable[[LegEvent], None],
        audio: CallerAudio = CallerAudio.SILENCE,
    ) -> None:
        self.call_id = call_id
        self.state = CallState.OFFERED
        self.is_media_up = False
        self.keys_heard = ""
        self.heard = bytearray()
        """What the far end heard since media came up, silence included; bounded."""
        self.playout = PlayoutQueue()
        self._emit = emit
        self._audio = audio
        self._spoken: deque[bytes] = deque(maxlen=SPOKEN_LIMIT_FRAMES)
        self._echo = SILENCE
        self._tone = tone(1000)
        self._ticks = 0

    # What the gateway commands ---------------------------------------------------------------------

    def answer(self) -> bool:
        """Accept; returns whether there was anything to accept."""
        if self.state is not CallState.OFFERED:
            return False
        self.state = CallState.ANSWERING
        return True

    def reject(self, cause: HangupCause, now_s: float) -> None:
        """Refuse; ends the call unless it was answered before."""
        if self.state is CallState.OFFERED:
            self.end(cause, now_s)

    def play(self, pcm: bytes) -> None:
        if self.state is not CallState.ENDED:
            self.playout.play(pcm)

    def mark(self, name: str, now_s: float) -> None:
        if self.state is not CallState.ENDED and (returned := self.playout.mark(name)):
            self._report([returned], now_s)

    def clear(self, now_s: float) -> None:
        if self.state is CallState.ENDED:
            return
        marks, played_ms = self.playout.clear()
        self._report(marks, now_s)
        self._emit(Cleared(call_id=self.call_id, at_s=now_s, played_ms=played_ms))

    def press_for_far_end(self, digits: str) -> None:
        if self.state is not CallState.ENDED:
            self.keys_heard += digits

    # What the far end does -------------------------------------------------------------------------

    def ring(self, now_s: float) -> None:
        """The far end is being alerted."""
        if self.state is CallState.OFFERED:
            self._emit(Ringing(call_id=self.call_id, at_s=now_s))

    def acknowledge(self, now_s: float) -> None:
        """The far end confirms our answer."""
        if self.state is CallState.ANSWERING:
            self.state = CallState.ANSWERED
            self._emit(Answered(call_id=self.call_id, at_s=now_s))

    def bring_media_up(self, now_s: float, reason: MediaUpReason = MediaUpReason.PACKET) -> None:
        """The far end's first packet arrives (or is given up on); playout begins."""
        if self.state not in (CallState.ANSWERING, CallState.ANSWERED) or self.is_media_up:
            return
        self.is_media_up = True
        self._emit(MediaUp(call_id=self.call_id, at_s=now_s, codec="L16/16000", reason=reason))
        self.playout.release()

    def speak(self, pcm: bytes) -> None:
        """Say something; the last frame is filled up with silence."""
        for start in range(0, len(pcm), FRAME_BYTES):
            self._spoken.append(pcm[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\0"))

    def press(self, digit: str, now_s: float) -> None:
        """Press a key."""
        if self.state is CallState.ANSWERED:
            self._emit(Dtmf(call_id=self.call_id, at_s=now_s, digit=digit, duration_ms=100))

    def end(self, cause: HangupCause, now_s: float, detail: str = "") -> None:
        """End the call, whoever does it; later calls do nothing."""
        if self.state is CallState.ENDED:
            return
        self.lose()
        marks, _ = self.playout.clear()
        self._report(marks, now_s)
        self._emit(Ended(call_id=self.call_id, at_s=now_s, cause=cause, detail=detail))

    def lose(self) -> None:
        """End without a word, as when its process dies."""
        self.state = CallState.ENDED

    # Time --------------------------------------------------------------------------------------------

    def tick(self, now_s: float) -> bytes | None:
        """Play and record 20 ms; returns what the far end says, None before media is up."""
        if self.state is CallState.ENDED or not self.is_media_up:
            return None
        with self.playout.lock:
            frame, marks = self.playout.next_frame()
            self._report(marks or [], now_s)
        self.heard += frame or SILENCE
        del self.heard[: max(0, len(self.heard) - HEARD_LIMIT_BYTES)]
        said = self._spoken.popleft() if self._spoken else self._background()
        self._echo = frame or SILENCE
        self._ticks += 1
        return said

    def _background(self) -> bytes:
        match self._audio:
            case CallerAudio.SILENCE:
                return SILENCE
            case CallerAudio.ECHO:
                return self._echo
            case CallerAudio.TONE:
                start = self._ticks * FRAME_SAMPLES * 2 % len(self._tone)
                return self._tone[start : start + FRAME_BYTES]

    def _report(self, marks: list[MarkReached], now_s: float) -> None:
        for mark in marks:
            self._emit(
                Marked(
                    call_id=self.call_id,
                    at_s=now_s,
                    name=mark.name,
                    played_ms=mark.played_ms,
                    cleared=mark.cleared,
                )
            )
