"""All calls of one SIP worker: takes or refuses offers, carries commands to legs, looks after time.

No pjsua2 here, so that it is tested with fake calls. Lives on the pj thread, except `playouts`, which the
link's reader thread looks up.
"""

import heapq
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

from gateway.media.playout import MarkReached, PlayoutQueue
from gateway.model import events
from gateway.model.hangup import HangupCause
from gateway.model.ids import new_call_id
from telephony.admission import Admission
from telephony.leg import SWEEP_S, Bounds, Leg
from telephony.native_call import NativeCall, NativeError
from telephony.sip_message import InviteFacts
from telephony.sip_status import refusal_status

log = logging.getLogger(__name__)


class EventSink(Protocol):
    """Where events go: the link to the gateway."""

    def send_event(self, leg: int, event: events.Event) -> None: ...

    def send_refused(self, offered: events.Offered, cause: HangupCause) -> None: ...


class Switchboard:
    """The calls that have not ended, by leg number."""

    def __init__(
        self, sink: EventSink, admission: Admission, bounds: Bounds, retry_after_s: int
    ) -> None:
        self.admission = admission
        self.playouts: dict[int, PlayoutQueue] = {}
        """Playout queues by leg number; written here, read by the link's reader thread."""
        self._sink = sink
        self._bounds = bounds
        self._retry_after_s = retry_after_s
        self._legs: dict[int, Leg] = {}
        self._waiting: set[int] = set()
        """Legs that wait for the first packet: looked at each turn, all others once a second."""
        self._sweeps: list[tuple[float, int]] = []
        self._last_number = 0
        self._held: list[tuple[int, events.Event]] | None = None
        """What a call of ours tells while it is being dialled: it must follow its `Offered`."""
        self.refused = 0

    @property
    def active(self) -> int:
        """Calls that have not ended."""
        return len(self._legs)

    def legs(self) -> Iterable[Leg]:
        return list(self._legs.values())

    def offer(
        self, native: NativeCall, facts: InviteFacts, source: str, now_s: float
    ) -> Leg | None:
        """Take a call that rings, or refuse it with 503; returns its leg if it was taken."""
        offered = events.Offered(
            call_id=new_call_id(),
            at_s=now_s,
            endpoint=events.EndpointKind.SIP,
            caller=facts.caller,
            callee=facts.callee,
            caller_name=facts.caller_name,
            foreign_id=facts.sip_call_id,
            source=source,
            headers=facts.x_headers,
        )
        refusal = self.admission.refusal(self.active)
        if refusal is not None:
            self.refused += 1
            native.refuse(refusal_status(refusal), self._retry_after_s)
            self._sink.send_refused(offered, refusal)
            log.info("offer refused", extra={"call_id": offered.call_id, "cause": refusal.value})
            return None
        leg = self._add(offered, native)
        self._sink.send_event(leg.number, offered)
        return leg

    def place(
        self,
        native: NativeCall,
        dial: Callable[[Leg], str],
        *,
        call_id: str,
        target: str,
        caller: str,
        now_s: float,
    ) -> None:
        """Place a call of ours: `dial` sends the INVITE and returns its SIP Call-ID.

        Always told to the gateway by an `Offered`; if it could not be placed by its `Ended`, too.
        """
        offered = events.Offered(
            call_id=call_id,
            at_s=now_s,
            endpoint=events.EndpointKind.SIP,
            caller=caller,
            callee=target,
            direction=events.Direction.OUTBOUND,
        )
        refusal = self.admission.refusal(self.active)
        leg = self._add(offered, native)
        self._held = []
        try:
            if refusal is not None:
                self.refused += 1
                leg.not_placed(refusal, "no new calls are taken", now_s)
            else:
                offered = replace(offered, foreign_id=dial(leg))
        except NativeError as error:
            leg.not_placed(HangupCause.INTERNAL_ERROR, str(error), now_s)
        finally:
            held, self._held = self._held, None
            self._sink.send_event(leg.number, offered)
            for number, event in held:
                self._sink.send_event(number, event)

    def _add(self, offered: events.Offered, native: NativeCall) -> Leg:
        self._last_number += 1
        leg = Leg(self._last_number, offered, native, self._bounds, self._emit)
        self._legs[leg.number] = leg
        self.playouts[leg.number] = leg.playout
        heapq.heappush(self._sweeps, (offered.at_s + SWEEP_S, leg.number))
        return leg

    # Commands, by leg number; a number that is gone is ignored: its `Ended` told the story. -----

    def answer(self, number: int, now_s: float) -> None:
        if (leg := self._legs.get(number)) is not None:
            leg.answer(now_s)

    def reject(self, number: int, cause: HangupCause, retry_after_s: int, now_s: float) -> None:
        if (leg := self._legs.get(number)) is not None:
            leg.reject(cause, retry_after_s or self._default_retry_after(cause), now_s)

    def hang_up(self, number: int, cause: HangupCause, now_s: float) -> None:
        if (leg := self._legs.get(number)) is not None:
            leg.hang_up(cause, now_s)

    def press(self, number: int, digits: str) -> None:
        if (leg := self._legs.get(number)) is not None:
            leg.press(digits)

    def marks(self, number: int, reached: list[MarkReached], at_s: float) -> None:
        if (leg := self._legs.get(number)) is not None:
            leg.marks(reached, at_s)

    def cleared(
        self, number: int, reached: list[MarkReached], played_ms: float, at_s: float
    ) -> None:
        if (leg := self._legs.get(number)) is not None:
            leg.cleared(reached, played_ms, at_s)

    def hang_up_all(self, cause: HangupCause, now_s: float) -> None:
        for leg in self.legs():
            leg.hang_up(cause, now_s)

    # Time --------------------------------------------------------------------------------------

    def connected(self, leg: Leg) -> None:
        """The leg may now wait for its first packet: look at it each turn."""
        if leg.is_waiting_for_media:
            self._waiting.add(leg.number)

    def poll(self, now_s: float) -> None:
        """Do what has become due; called each turn of the pj thread."""
        for number in tuple(self._waiting):
            self._poll_leg(number, now_s)
        while self._sweeps and self._sweeps[0][0] <= now_s:
            _, number = heapq.heappop(self._sweeps)
            if number in self._legs:
                self._poll_leg(number, now_s)
                heapq.heappush(self._sweeps, (now_s + SWEEP_S, number))

    def _poll_leg(self, number: int, now_s: float) -> None:
        leg = self._legs.get(number)
        if leg is not None:
            leg.poll(now_s)
        if leg is None or not leg.is_waiting_for_media:
            self._waiting.discard(number)

    def _emit(self, number: int, event: events.Event) -> None:
        if isinstance(event, events.Ended):
            self._legs.pop(number, None)
            self.playouts.pop(number, None)
            self._waiting.discard(number)
        if self._held is not None:
            self._held.append((number, event))
            return
        self._sink.send_event(number, event)

    def _default_retry_after(self, cause: HangupCause) -> int:
        return self._retry_after_s if refusal_status(cause) == 503 else 0
