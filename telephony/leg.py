"""The life of one SIP call as the gateway sees it: states, bounds, and the events that tell of it.

No pjsua2 here: the native call is a Protocol, time is an argument, events go to a function. Everything
runs on the pj thread, so nothing is locked.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.link import leg_reports
from gateway.link.leg_reports import Quality
from gateway.log import for_call
from gateway.media.key_limit import KeyLimit
from gateway.media.playout import MarkReached, PlayoutQueue
from gateway.model import events
from gateway.model.hangup import HangupCause
from telephony.leg_state import LegState, Trigger, next_state
from telephony.native_call import NativeCall, NativeError
from telephony.sip_status import Phase, cause_of, refusal_status

_log = logging.getLogger(__name__)

_PHASES = {
    LegState.RINGING: Phase.OFFERED,
    LegState.DIALLING: Phase.PLACED,
    LegState.ANSWERED: Phase.UNACKNOWLEDGED,
}

SWEEP_S = 1.0
"""How often a call that waits for nothing in particular is looked at."""
STATISTICS_S = 5.0
DIAL_BOUND_S = 200.0
"""A call of ours that nobody answers is given up after so long; the gateway does so earlier."""
ACK_BOUND_S = 32.5
"""64 T1 and a little: by then PJSIP itself has given up on the ACK and sent BYE (RFC 3261 section
13.3.1.4), whose answer may never come either; the gateway need not wait for that."""
ENDING_BOUND_S = 5.0
"""A call we ended is over for the gateway so long after, whether the far end answered the BYE or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long a call may wait for things, in seconds."""

    media_up_s: float
    answer_s: float
    media_timeout_s: float
    """0: for ever."""


class Leg:
    """One call. Owned by the switchboard, used on the pj thread only."""

    def __init__(
        self,
        number: int,
        offered: events.Offered,
        native: NativeCall,
        bounds: Bounds,
        emit: Callable[[int, events.Event], None],
    ) -> None:
        self.number = number
        self.call_id = offered.call_id
        self.playout = PlayoutQueue()
        self._keys = KeyLimit()
        self._log = for_call(_log, offered.call_id)
        self._native = native
        self._bounds = bounds
        self._emit = emit
        self._is_ours = offered.direction is events.Direction.OUTBOUND
        self._state = LegState.DIALLING if self._is_ours else LegState.RINGING
        self._since_s = offered.at_s
        self._wanted: HangupCause | None = None
        self._phase_at_end = Phase.OFFERED
        self._media_since_s: float | None = None
        """When media last became active; None while there is none, or on hold."""
        self._is_alerted = False
        self._expects_packets = False
        self._packets = -1
        self._packets_at_s = 0.0
        self._statistics_at_s = 0.0
        self._quality: Quality | None = None

    @property
    def state(self) -> LegState:
        return self._state

    @property
    def is_waiting_for_media(self) -> bool:
        """Whether `poll` wants to be called as often as possible."""
        return self._state is LegState.CONNECTED

    # Commands of the gateway -------------------------------------------------------------------

    def answer(self, now_s: float) -> None:
        """Send 200. Does nothing if the call has moved on (the caller was quicker)."""
        if self._state is not LegState.RINGING:
            return
        try:
            # The state first: PJSIP may report media, or the end of the call, before it returns.
            self._move(Trigger.ANSWER, now_s)
            self._native.answer()
        except NativeError as error:
            self._log.warning("cannot answer", extra={"reason": str(error)})
            self.hang_up(HangupCause.INTERNAL_ERROR, now_s)

    def reject(self, cause: HangupCause, retry_after_s: int, now_s: float) -> None:
        """Refuse the offer with the response that belongs to `cause`; a call of ours is cancelled."""
        if self._is_ours:
            self.hang_up(cause, now_s)
            return
        if self._state is not LegState.RINGING:
            return
        self._end(cause, now_s, lambda: self._native.refuse(refusal_status(cause), retry_after_s))

    def hang_up(self, cause: HangupCause, now_s: float) -> None:
        """End the call with whatever request or response its state asks for."""
        if self._state is LegState.RINGING:
            self.reject(cause, 0, now_s)
        elif self._state not in (LegState.ENDING, LegState.ENDED):
            self._end(cause, now_s, self._native.hang_up)

    def press(self, digits: str) -> None:
        """Send RFC 4733 events."""
        if self._state not in (LegState.CONNECTED, LegState.UP):
            return
        try:
            self._native.press(digits)
        except NativeError as error:
            self._log.warning("cannot send keys", extra={"reason": str(error)})

    # What the SIP stack reports ----------------------------------------------------------------

    def alerted(self, now_s: float) -> None:
        """The far end of a call of ours rings; it may say so again and again."""
        if self._state is LegState.DIALLING and not self._is_alerted:
            self._is_alerted = True
            self._emit(self.number, events.Ringing(call_id=self.call_id, at_s=now_s))

    def acknowledged(self, now_s: float) -> None:
        """The ACK of our 200 came, or we sent the ACK of theirs."""
        was = self._state
        if was not in (LegState.ANSWERED, LegState.DIALLING, LegState.ENDING):
            return
        self._move(Trigger.ACKNOWLEDGE, now_s)
        if was is not LegState.ENDING:
            self._emit(self.number, events.Answered(call_id=self.call_id, at_s=now_s))
            self._statistics_at_s = now_s + STATISTICS_S

    def media_active(self, expects_packets: bool, now_s: float) -> None:
        """Audio flows (again) after this offer and answer; `expects_packets`: also from the caller."""
        if self._media_since_s is None:
            self._media_since_s = now_s
        self._expects_packets = expects_packets
        self._packets = -1
        self._packets_at_s = now_s

    def media_held(self) -> None:
        """The far end put us on hold, or media is gone for another reason."""
        self._media_since_s = None
        self._expects_packets = False

    def key(self, digit: str, duration_ms: int, now_s: float) -> None:
        """The caller pressed a key; dropped if nobody presses so many."""
        if self._state in (LegState.ENDING, LegState.ENDED) or not self._keys.admits(now_s):
            return
        self._emit(
            self.number,
            events.Dtmf(call_id=self.call_id, at_s=now_s, digit=digit, duration_ms=duration_ms),
        )

    def not_placed(self, cause: HangupCause, detail: str, now_s: float) -> None:
        """A call of ours never left; nothing if its end was reported before that."""
        if self._state is not LegState.ENDED:
            self._finish(cause, detail, now_s)

    def disconnected(self, status: int, reason: str, now_s: float) -> None:
        """The SIP session is over, with the last status and reason it saw."""
        if self._state is LegState.ENDED:
            return
        phase = self._phase()
        if self._state is LegState.ENDING:
            phase = self._phase_at_end
        cause = cause_of(status, reason, phase, self._wanted)
        self._finish(cause, f"{status} {reason}".strip(), now_s)

    # Playout -----------------------------------------------------------------------------------

    def marks(self, reached: Sequence[MarkReached], at_s: float) -> None:
        """Report marks that the media clock or a clear took out of the playout queue."""
        if self._state is LegState.ENDED:
            return
        for event in leg_reports.marked(self.call_id, reached, at_s):
            self._emit(self.number, event)

    def cleared(self, reached: Sequence[MarkReached], played_ms: float, at_s: float) -> None:
        """Report a clear with the marks it returned."""
        if self._state is LegState.ENDED:
            return
        self.marks(reached, at_s)
        self._emit(
            self.number,
            events.Cleared(call_id=self.call_id, at_s=at_s, played_ms=played_ms),
        )

    # Time --------------------------------------------------------------------------------------

    def poll(self, now_s: float) -> None:
        """Do what has become due. Each turn while `is_waiting_for_media`, else each `SWEEP_S`."""
        state = self._state
        if state is LegState.CONNECTED:
            self._poll_media_up(now_s)
        elif state is LegState.RINGING:
            if now_s - self._since_s >= self._bounds.answer_s:
                self._log.warning("nobody decided about the call in time")
                self.reject(HangupCause.NO_ANSWER, 0, now_s)
        elif state is LegState.DIALLING:
            if now_s - self._since_s >= DIAL_BOUND_S:
                self.hang_up(HangupCause.NO_ANSWER, now_s)
        elif state is LegState.ANSWERED and now_s - self._since_s >= ACK_BOUND_S:
            self._finish(HangupCause.NO_ACK, "the answer was never acknowledged", now_s)
        elif state is LegState.ENDING and now_s - self._since_s >= ENDING_BOUND_S:
            assert self._wanted is not None
            self._finish(self._wanted, "the far end did not confirm the end", now_s)
        if self._state in (LegState.CONNECTED, LegState.UP):
            self._poll_packets(now_s)
            if now_s >= self._statistics_at_s > 0:
                self._statistics_at_s = now_s + STATISTICS_S
                self._report_quality(now_s)

    def _poll_media_up(self, now_s: float) -> None:
        media_since_s = self._media_since_s
        if media_since_s is None:
            return
        if self._native.packets_in() > 0:
            reason = events.MediaUpReason.PACKET
        elif now_s - max(self._since_s, media_since_s) >= self._bounds.media_up_s:
            reason = events.MediaUpReason.BOUND
        else:
            return
        self._move(Trigger.HEAR, now_s)
        self._emit(
            self.number,
            events.MediaUp(
                call_id=self.call_id, at_s=now_s, codec=self._native.codec(), reason=reason
            ),
        )
        # After the event, so that no mark can be reported before it.
        self.playout.release()

    def _poll_packets(self, now_s: float) -> None:
        bound_s = self._bounds.media_timeout_s
        if not bound_s or not self._expects_packets:
            return
        if now_s - self._packets_at_s < min(SWEEP_S, bound_s / 4):
            return
        packets = self._native.packets_in()
        if packets != self._packets:
            self._packets = packets
            self._packets_at_s = now_s
        elif now_s - self._packets_at_s >= bound_s:
            self._log.warning("no media from the caller", extra={"bound_s": bound_s})
            self.hang_up(HangupCause.NO_MEDIA, now_s)

    # The end -----------------------------------------------------------------------------------

    def _end(self, cause: HangupCause, now_s: float, act: Callable[[], None]) -> None:
        self._wanted = cause
        self._phase_at_end = self._phase()
        self._quality = self._native.quality() or self._quality
        self._move(Trigger.HANG_UP, now_s)
        try:
            act()
        except NativeError as error:
            # The stack does not know the call any more: its end was, or will be, reported.
            self._log.info("call was over already", extra={"reason": str(error)})

    def _phase(self) -> Phase:
        if self._state is LegState.DIALLING and self._is_alerted:
            return Phase.ALERTED
        return _PHASES.get(self._state, Phase.CONFIRMED)

    def _finish(self, cause: HangupCause, detail: str, now_s: float) -> None:
        returned, _ = self.playout.clear()
        self.marks(returned, now_s)
        self._report_quality(now_s)
        self._move(Trigger.DISCONNECT, now_s)
        self._log.info("leg ended", extra={"cause": cause.value, "detail": detail})
        self._emit(
            self.number,
            events.Ended(call_id=self.call_id, at_s=now_s, cause=cause, detail=detail),
        )

    def _report_quality(self, now_s: float) -> None:
        quality = self._native.quality() or self._quality
        if quality is None:
            return
        self._quality = quality
        dropped = self.playout.dropped_frames
        self._emit(self.number, leg_reports.statistics(self.call_id, quality, dropped, now_s))

    def _move(self, trigger: Trigger, now_s: float) -> None:
        state = next_state(self._state, trigger)
        self._log.debug("leg moves", extra={"state": self._state.value, "to": state.value})
        if state is not self._state:
            self._state = state
            self._since_s = now_s
