"""The caller's process: joins the media link and its calls, and is their clock.

The link's reader has a thread of its own; everything else runs on the event loop.
"""

import asyncio
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from urllib.parse import urldefrag

from gateway.errors import GatewayError
from gateway.link.worker_link import WorkerLink
from gateway.model import commands, events
from gateway.model.hangup import HangupCause
from webrtc.caller.call import CallerCall

log = logging.getLogger(__name__)

_TICK_S = 0.02
_CATCH_UP_S = 0.2
"""Ticks that are later than this are left out instead of made up for."""
_END_BOUND_S = 4.0


class CallerWorker:
    """One process of callers, from start to end; commands come on the reader's thread."""

    def __init__(self, sock: socket.socket) -> None:
        self.link = WorkerLink(sock, self)
        self._calls: dict[int, CallerCall] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._next_leg = 0
        self._ticks = 0
        self._lateness_s = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Serve until the gateway closes the link or SIGTERM comes."""
        self._loop = loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        # Ctrl-C reaches the whole process group; the parent ends us in order.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.link.hello({"engine": "aiortc"})
        reader = threading.Thread(target=self._read, name="link reader", daemon=True)
        reader.start()
        clock = asyncio.create_task(self._clock(), name="clock")
        try:
            await self._stop.wait()
            for call in list(self._calls.values()):
                call.end(HangupCause.DRAINING)
            if self._running:
                await asyncio.wait(self._running, timeout=_END_BOUND_S)
        finally:
            clock.cancel()
            self.link.close()

    async def _clock(self) -> None:
        due_s = time.monotonic()
        while True:
            due_s += _TICK_S
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            now_s = time.monotonic()
            if now_s - due_s > _CATCH_UP_S:
                due_s = now_s
            self._lateness_s = max(self._lateness_s, now_s - due_s)
            self._tick(now_s, now_s - due_s)

    def _tick(self, now_s: float, lateness_s: float) -> None:
        self._ticks += 1
        heard = {
            number: pcm for number, call in self._calls.items() if (pcm := call.tick()) is not None
        }
        if heard:
            self.link.send_tick(now_s, lateness_s, list(heard), list(heard.values()))

    def _read(self) -> None:
        try:
            self.link.run()
        except GatewayError as error:
            log.error("media link failed", extra={"reason": str(error)})
        finally:
            self._post(self._stop.set)

    def _post(self, work: Callable[[], None]) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(work)
        except RuntimeError:
            log.debug("a command after the end")

    def _place(self, call_id: str, target: str, caller: str) -> None:
        number = self._next_leg
        self._next_leg += 1
        offered = events.Offered(
            call_id=call_id,
            at_s=time.monotonic(),
            endpoint=events.EndpointKind.WEBRTC,
            caller=caller,
            callee=urldefrag(target).url,
            direction=events.Direction.OUTBOUND,
            capabilities=events.Capabilities(dtmf_in=False),
        )
        call = CallerCall(call_id, target, lambda event: self.link.send_event(number, event))
        self._calls[number] = call
        self.link.send_event(number, offered)
        task = asyncio.create_task(self._live(number, call), name=f"call {call_id}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _live(self, number: int, call: CallerCall) -> None:
        try:
            await call.run()
        finally:
            del self._calls[number]

    def _with(self, leg_no: int, work: Callable[[CallerCall], None]) -> None:
        def run() -> None:
            if (call := self._calls.get(leg_no)) is not None:
                work(call)

        self._post(run)

    # The commands, on the reader's thread (CommandHandler) ---------------------------------------

    def on_play(self, leg_no: int, pcm: bytes) -> None:
        # Posted as well: audio and marks must keep their order.
        def play(call: CallerCall) -> None:
            call.playout.play(pcm)

        self._with(leg_no, play)

    def on_mark(self, leg_no: int, name: str) -> None:
        def mark(call: CallerCall) -> None:
            if (returned := call.playout.mark(name)) is not None:
                call.marks([returned], time.monotonic())

        self._with(leg_no, mark)

    def on_clear(self, leg_no: int) -> None:
        self._with(leg_no, CallerCall.clear)

    def on_answer(self, leg_no: int) -> None:
        """Nobody calls the caller."""

    def on_reject(self, leg_no: int, cause: HangupCause, retry_after_s: int) -> None:
        """Nobody calls the caller."""

    def on_dtmf(self, leg_no: int, digits: str) -> None:
        self._with(leg_no, lambda call: call.press(digits))

    def on_send_message(self, leg_no: int, text: str) -> None:
        """The bundled caller has nothing to write."""

    def on_hang_up(self, leg_no: int, cause: HangupCause) -> None:
        self._with(leg_no, lambda call: call.end(cause, "we hung up"))

    def on_place(self, call_id: str, target: str, caller: str, _trunk: str) -> None:
        self._post(lambda: self._place(call_id, target, caller))

    def on_signalling(self, command: commands.Signalling) -> None:
        """Nobody calls the caller."""

    def on_drain(self) -> None:
        """Nobody calls the caller."""

    def on_reread(self) -> None:
        """A caller lives for one call."""

    def counters(self) -> Mapping[str, float]:
        lateness_s, self._lateness_s = self._lateness_s, 0.0
        return {
            "calls": len(self._calls),
            "ticks": self._ticks,
            "max_tick_lateness_s": lateness_s,
            "frames_dropped": self.link.dropped_frames,
        }
