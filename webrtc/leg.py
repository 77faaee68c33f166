"""The life of one browser call as the gateway sees it: states, bounds, and the events that tell of it.

No aiortc here: the transport is a Protocol, time is an argument, events go to a function.

    offer ─► OFFERED ─answer─► CONNECTING ─transport up─► UP ◄─up again─ LOST
                │                   │                      └──lost──►─────┤
                └───────────────────┴──────────── end ────────────────────┴─► ENDED
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from gateway.errors import InvalidTransition
from gateway.link import leg_reports
from gateway.link.leg_reports import Quality
from gateway.log import for_call
from gateway.media.key_limit import KeyLimit
from gateway.media.playout import MarkReached, PlayoutQueue
from gateway.model import events
from gateway.model.hangup import HangupCause
from gateway.model.texts import LongText

_log = logging.getLogger(__name__)

STATISTICS_S = 5.0
QUALITY_S = 2.0
"""How often the page is told what only we can measure."""
SILENT_S = 7.0
"""A transport without a single packet for so long is lost: browsers check it every 2.5 s at least."""


class LegState(StrEnum):
    """Where a call is in its life."""

    OFFERED = "offered"
    CONNECTING = "connecting"
    """Answered; the transport is not up yet."""
    UP = "up"
    LOST = "lost"
    """The transport broke; the browser may come back."""
    ENDED = "ended"


class Trigger(StrEnum):
    """What moves a call on."""

    ANSWER = "answer"
    CONNECT = "connect"
    LOSE = "lose"
    END = "end"


_TABLE: dict[tuple[LegState, Trigger], LegState] = {
    (LegState.OFFERED, Trigger.ANSWER): LegState.CONNECTING,
    (LegState.CONNECTING, Trigger.CONNECT): LegState.UP,
    (LegState.UP, Trigger.LOSE): LegState.LOST,
    (LegState.LOST, Trigger.CONNECT): LegState.UP,
    (LegState.OFFERED, Trigger.END): LegState.ENDED,
    (LegState.CONNECTING, Trigger.END): LegState.ENDED,
    (LegState.UP, Trigger.END): LegState.ENDED,
    (LegState.LOST, Trigger.END): LegState.ENDED,
}


class Transport(Protocol):
    """What carries the call."""

    def answer(self) -> None:
        """Begin to write the answer; it, and the transport's states, are reported later."""

    def close(self) -> None:
        """Release everything, in the background; may be called twice."""

    def quality(self) -> Quality: ...

    def tell_quality(self, quality: Quality) -> None:
        """Tell the page."""

    @property
    def heard_at_s(self) -> float:
        """When the last packet of any kind came."""

    @property
    def codec(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long a call may wait for things, in seconds."""

    answer_s: float
    connect_s: float
    grace_s: float


class Leg:
    """One call. Owned by the worker, on its event loop."""

    def __init__(
        self,
        number: int,
        offered: events.Offered,
        transport: Transport,
        bounds: Bounds,
        emit: Callable[[int, events.Event], None],
    ) -> None:
        self.number = number
        self.call_id = offered.call_id
        self.playout = PlayoutQueue()
        self._keys = KeyLimit()
        self._log = for_call(_log, offered.call_id)
        self._transport = transport
        self._bounds = bounds
        self._emit = emit
        self._state = LegState.OFFERED
        self._since_s = offered.at_s
        self._has_been_up = False
        self._statistics_at_s = 0.0
        self._quality_at_s = 0.0

    @property
    def state(self) -> LegState:
        return self._state

    # Commands of the gateway -------------------------------------------------------------------

    def answer(self, now_s: float) -> None:
        """Accept the offer. Does nothing if the call has moved on."""
        if self._state is LegState.OFFERED:
            self._move(Trigger.ANSWER, now_s)
            self._transport.answer()

    def reject(self, cause: HangupCause, now_s: float) -> None:
        """Refuse the offer."""
        if self._state is LegState.OFFERED:
            self.end(cause, "", now_s)

    def hang_up(self, cause: HangupCause, now_s: float) -> None:
        """End the call, in whatever state it is."""
        self.end(cause, "", now_s)

    # What the far end and the transport do -----------------------------------------------------------

    def caller_left(self, detail: str, now_s: float) -> None:
        """The far end ended the call; before it was up it gave up."""
        cause = HangupCause.CALLER_HUNG_UP
        if self._state is LegState.OFFERED:
            cause = HangupCause.CALLER_CANCELLED
        self.end(cause, detail, now_s)

    def connected(self, now_s: float) -> None:
        """The transport is up (again) and encrypted: the far end can hear us."""
        if self._state not in (LegState.CONNECTING, LegState.LOST):
            return
        self._move(Trigger.CONNECT, now_s)
        if not self._has_been_up:
            self._has_been_up = True
            self._statistics_at_s = now_s + STATISTICS_S
            self._quality_at_s = now_s + QUALITY_S
            self._emit(self.number, events.Answered(call_id=self.call_id, at_s=now_s))
            self._emit(
                self.number,
                events.MediaUp(
                    call_id=self.call_id,
                    at_s=now_s,
                    codec=self._transport.codec,
                    reason=events.MediaUpReason.TRANSPORT,
                ),
            )
        # After the events, so that no mark can be reported before them.
        self.playout.release()

    def lost(self, detail: str, now_s: float) -> None:
        """The transport broke: playout waits for the browser to come back, if it does in time."""
        if self._state is not LegState.UP:
            return
        self._log.warning("transport is lost", extra={"reason": detail})
        self._move(Trigger.LOSE, now_s)
        self.playout.hold()
        if not self._bounds.grace_s:
            self.end(HangupCause.NO_MEDIA, detail, now_s)

    def key(self, digit: str, duration_ms: int, now_s: float) -> None:
        """The caller pressed a key; dropped if nobody presses so many."""
        if self._state in (LegState.UP, LegState.LOST) and self._keys.admits(now_s):
            self._emit(
                self.number,
                events.Dtmf(call_id=self.call_id, at_s=now_s, digit=digit, duration_ms=duration_ms),
            )

    def message(self, text: str, now_s: float) -> None:
        """The page said something that is for the gateway."""
        if self._state in (LegState.UP, LegState.LOST):
            self._emit(
                self.number,
                events.MessageReceived(call_id=self.call_id, at_s=now_s, text=LongText(text)),
            )

    # Playout -----------------------------------------------------------------------------------

    def mark(self, name: str, now_s: float) -> None:
        """Put a mark behind the queued audio."""
        if (returned := self.playout.mark(name)) is not None:
            self.marks([returned], now_s)

    def clear(self, now_s: float) -> None:
        """Drop the queued audio."""
        if self._state is LegState.ENDED:
            return
        reached, played_ms = self.playout.clear()
        self.marks(reached, now_s)
        self._emit(
            self.number, events.Cleared(call_id=self.call_id, at_s=now_s, played_ms=played_ms)
        )

    def marks(self, reached: Sequence[MarkReached], at_s: float) -> None:
        """Report marks that left the playout queue."""
        if self._state is LegState.ENDED:
            return
        for event in leg_reports.marked(self.call_id, reached, at_s):
            self._emit(self.number, event)

    # Time --------------------------------------------------------------------------------------

    def poll(self, now_s: float) -> None:
        """Do what has become due; to be called a few times a second."""
        waited_s = now_s - self._since_s
        match self._state:
            case LegState.OFFERED if waited_s >= self._bounds.answer_s:
                self._log.warning("nobody decided about the call in time")
                self.end(HangupCause.NO_ANSWER, "nobody decided in time", now_s)
            case LegState.CONNECTING if waited_s >= self._bounds.connect_s:
                self.end(HangupCause.NO_MEDIA, "the transport did not come up", now_s)
            case LegState.LOST if waited_s >= self._bounds.grace_s:
                self.end(HangupCause.NO_MEDIA, "the transport was lost", now_s)
            case LegState.UP if now_s - self._transport.heard_at_s >= SILENT_S:
                self.lost(f"no packet for {SILENT_S:.0f} s", now_s)
        if self._state is LegState.UP:
            self._report(now_s)

    def _report(self, now_s: float) -> None:
        if now_s >= self._quality_at_s:
            self._quality_at_s = now_s + QUALITY_S
            self._transport.tell_quality(self._transport.quality())
        if now_s >= self._statistics_at_s:
            self._statistics_at_s = now_s + STATISTICS_S
            self._report_statistics(now_s)

    # The end -----------------------------------------------------------------------------------

    def end(self, cause: HangupCause, detail: str, now_s: float) -> None:
        """End the call; the first cause counts."""
        if self._state is LegState.ENDED:
            return
        returned, _ = self.playout.clear()
        self.marks(returned, now_s)
        if self._has_been_up:
            self._report_statistics(now_s)
        self._move(Trigger.END, now_s)
        self._log.info("leg ended", extra={"cause": cause.value, "detail": detail})
        self._emit(
            self.number,
            events.Ended(call_id=self.call_id, at_s=now_s, cause=cause, detail=detail),
        )
        self._transport.close()

    def _report_statistics(self, now_s: float) -> None:
        quality = self._transport.quality()
        dropped = self.playout.dropped_frames
        self._emit(self.number, leg_reports.statistics(self.call_id, quality, dropped, now_s))

    def _move(self, trigger: Trigger, now_s: float) -> None:
        try:
            state = _TABLE[self._state, trigger]
        except KeyError:
            raise InvalidTransition(self._state, trigger) from None
        self._log.debug("leg moves", extra={"state": self._state.value, "to": state.value})
        self._state = state
        self._since_s = now_s
