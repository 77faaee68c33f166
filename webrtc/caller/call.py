"""One call of the caller: from the offer over WHIP to the end, told as a leg's events."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

from gateway.errors import EndpointError
from gateway.log import for_call
from gateway.media.playout import MarkReached, PlayoutQueue
from gateway.model import events
from gateway.model.hangup import HangupCause
from webrtc.caller.line import Line, LineState
from webrtc.caller.whip import Accepted, CallRefused, WhipClient

_log = logging.getLogger(__name__)

CONNECT_BOUND_S = 20.0
"""A call that was answered and whose transport does not come up is given up after so long."""


class CallState(StrEnum):
    """Where the call is; it only moves down this list."""

    DIALLING = "dialling"
    ANSWERED = "answered"
    UP = "up"
    ENDED = "ended"


class CallerCall:
    """Owned by the caller's worker, on its event loop. `run` is the call's life.

    Events go to `emit`, except `Offered`, which the worker has sent before.
    """

    def __init__(self, call_id: str, target: str, emit: Callable[[events.Event], None]) -> None:
        self.call_id = call_id
        self.playout = PlayoutQueue()
        self._target = target
        self._emit = emit
        self._log = for_call(_log, call_id)
        self._state = CallState.DIALLING
        self._line: Line | None = None
        self._over = asyncio.Event()
        self._is_up = asyncio.Event()
        self._outcome: tuple[HangupCause, str] = (HangupCause.INTERNAL_ERROR, "")

    async def run(self) -> None:
        """Call, stay until either side ends it, and clean up; the last event is `Ended`."""
        client = WhipClient(self._target)
        self._line = line = Line(on_state=self._on_state, on_message=self._on_message)
        accepted: Accepted | None = None
        try:
            accepted = await self._unless_over(client.offer(await line.offer()))
            if accepted is not None:
                await line.accept(accepted.sdp)
                self._state = CallState.ANSWERED
                self._emit(events.Answered(call_id=self.call_id, at_s=time.monotonic()))
                await self._connect()
                await self._over.wait()
        except CallRefused as error:
            self.end(_CAUSES.get(error.status, HangupCause.REJECTED), str(error))
        except EndpointError as error:
            self.end(HangupCause.UNACCEPTABLE_MEDIA, str(error))
        except Exception as error:
            self._log.exception("the call failed")
            self.end(HangupCause.INTERNAL_ERROR, str(error))
        finally:
            self._state = CallState.ENDED
            # The gateway is told before the transport goes: otherwise it waits for us to come back.
            if accepted is not None and not await client.end(accepted.resource):
                self._log.warning("the end of the call was not acknowledged")
            await line.close()
            await client.close()
            self._finish()

    def end(self, cause: HangupCause, detail: str = "") -> None:
        """End the call; the first cause counts."""
        if not self._over.is_set():
            self._outcome = (cause, detail)
            self._over.set()

    def press(self, digits: str) -> None:
        """Press keys, over the data channel."""
        for digit in digits:
            if self._line is None or not self._line.tell({"type": "dtmf", "digit": digit}):
                self._log.warning("cannot send keys", extra={"reason": "the channel is closed"})
                return

    def tick(self) -> bytes | None:
        """Send the next 20 ms and return the 20 ms heard; None before the transport is up."""
        if self._state is not CallState.UP or self._line is None:
            return None
        with self.playout.lock:
            pcm, reached = self.playout.next_frame()
            if reached:
                self.marks(reached, time.monotonic())
        self._line.send(pcm)
        return self._line.take()

    def marks(self, reached: Sequence[MarkReached], at_s: float) -> None:
        """Report marks that left the playout queue."""
        for mark in reached:
            self._emit(
                events.Marked(
                    call_id=self.call_id,
                    at_s=at_s,
                    name=mark.name,
                    played_ms=mark.played_ms,
                    cleared=mark.cleared,
                )
            )

    def clear(self) -> None:
        """Drop what waits to be said."""
        with self.playout.lock:
            reached, played_ms = self.playout.clear()
            at_s = time.monotonic()
            self.marks(reached, at_s)
            self._emit(events.Cleared(call_id=self.call_id, at_s=at_s, played_ms=played_ms))

    async def _unless_over(self, answer: Any) -> Accepted | None:
        """Wait for the answer; None if the call was ended before it came."""
        asking = asyncio.ensure_future(answer)
        waiting = asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait((asking, waiting), return_when=asyncio.FIRST_COMPLETED)
            return asking.result() if asking.done() else None
        finally:
            # The gateway notices that we are gone, and ends the call by itself.
            asking.cancel()
            waiting.cancel()
            await asyncio.gather(asking, waiting, return_exceptions=True)

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_BOUND_S):
                await self._is_up.wait()
        except TimeoutError:
            self.end(HangupCause.NO_MEDIA, f"no connection within {CONNECT_BOUND_S:.0f} s")

    def _on_state(self, state: LineState) -> None:
        match state:
            case LineState.UP if self._state is CallState.ANSWERED:
                self._state = CallState.UP
                self.playout.release()
                assert self._line is not None
                self._emit(
                    events.MediaUp(
                        call_id=self.call_id,
                        at_s=time.monotonic(),
                        codec=self._line.codec,
                        reason=events.MediaUpReason.PACKET,
                    )
                )
                self._is_up.set()
            case LineState.CLOSED:
                self.end(HangupCause.CALLER_HUNG_UP, "the gateway closed the connection")
                self._is_up.set()
            case LineState.LOST:
                self.end(HangupCause.NO_MEDIA, "the connection was lost")
                self._is_up.set()
            case _:
                return

    def _on_message(self, message: dict[str, Any]) -> None:
        if message.get("type") == "ended":
            cause = str(message.get("cause", ""))[:60]
            self.end(HangupCause.CALLER_HUNG_UP, f"the gateway ended the call: {cause}")

    def _finish(self) -> None:
        at_s = time.monotonic()
        with self.playout.lock:
            reached, _ = self.playout.clear()
            self.marks(reached, at_s)
        cause, detail = self._outcome
        self._emit(events.Ended(call_id=self.call_id, at_s=at_s, cause=cause, detail=detail))


_CAUSES = {
    0: HangupCause.NO_ANSWER,
    404: HangupCause.NO_ROUTE,
    429: HangupCause.BUSY,
    503: HangupCause.BUSY,
}
"""HTTP status of a refusal → how the call ended; others are `REJECTED`."""
