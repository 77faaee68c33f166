"""The browser worker: joins the media link and all calls of the process, and is their one clock.

The link's reader has a thread of its own; everything else runs on the event loop. What the reader brings
goes into one inbox, so that audio and marks, and the events of a leg, keep their order.
"""

import asyncio
import gc
import json
import logging
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any

from gateway.config import Config
from gateway.errors import EndpointError, GatewayError, OfferRefused
from gateway.link.messages import NegotiationRefused, Refusal
from gateway.link.worker_link import WorkerLink
from gateway.model import commands, events
from gateway.model.frame import FRAME_MS
from gateway.model.hangup import HangupCause
from webrtc import ice, opus, sdp_offer
from webrtc.call import Call
from webrtc.ice import Network
from webrtc.leg import Bounds, LegState
from webrtc.peer import Certificate

log = logging.getLogger(__name__)

ANSWER_BOUND_S = 35.0
"""A call nobody decided about by then is over; the HTTP server gives up before."""
_TICK_S = FRAME_MS / 1000
_CATCH_UP_S = 0.2
"""Ticks that are later than this are left out instead of made up for."""
_TURN_S = 0.004
"""How long a tick may hold the loop before packets that arrived meanwhile get their turn."""
_POLL_TICKS = 10
"""Legs look at their bounds every 200 ms."""
_INBOX_LIMIT = 65_536
"""Commands that wait for the loop; when full the worker is beyond help and ends."""
_END_BOUND_S = 3.5
_SWITCH_INTERVAL_S = 0.0005
"""The reader thread must not keep the clock from the interpreter for Python's default of 5 ms."""


class Worker:
    """One process of browser calls, from start to end."""

    def __init__(self, config: Config, sock: socket.socket) -> None:
        self._config = config.webrtc
        section = config.webrtc
        self.link = WorkerLink(sock, self)
        self._calls: dict[int, Call] = {}
        self._by_id: dict[str, Call] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._inbox: deque[Callable[[], None]] = deque()
        self._is_woken = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._is_draining = False
        self._last_leg = 0
        self._refused = 0
        self._ticks = 0
        self._lateness_s = 0.0
        self._max_calls = -(-section.max_calls // section.workers)
        self._certificate = Certificate()
        self._network = Network(
            hosts=section.hosts,
            public_address=section.public_address,
            port_min=section.port_min,
            port_max=section.port_max,
        )
        self._bounds = Bounds(
            answer_s=ANSWER_BOUND_S, connect_s=section.connect_bound_s, grace_s=section.grace_s
        )

    async def run(self) -> None:
        """Serve until the gateway closes the link or SIGTERM comes. Raises `EndpointError`."""
        self._loop = loop = asyncio.get_running_loop()
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        # Ctrl-C reaches the whole process group; the gateway ends its workers in order.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.link.hello(
            {
                "engine": "aiortc",
                "opus": opus.version(),
                "admitted_calls": str(self._max_calls),
                "addresses": " ".join(self._config.hosts or ice.addresses()),
                "ports": f"{self._config.port_min}-{self._config.port_max}",
            }
        )
        # What start-up left behind is never looked at again by the collector.
        gc.collect()
        gc.freeze()
        reader = threading.Thread(target=self._read, name="link reader", daemon=True)
        reader.start()
        clock = asyncio.create_task(self._clock(), name="clock")
        clock.add_done_callback(self._on_clock_ended)
        log.info("browser worker is ready")
        try:
            await self._stop.wait()
            await self._end_calls()
        finally:
            clock.cancel()
            await asyncio.gather(clock, return_exceptions=True)
            self.link.close()

    async def _end_calls(self) -> None:
        self._is_draining = True
        now_s = time.monotonic()
        for call in list(self._calls.values()):
            call.leg.hang_up(HangupCause.DRAINING, now_s)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_END_BOUND_S)

    # The clock -------------------------------------------------------------------------------------

    def _on_clock_ended(self, clock: asyncio.Task[None]) -> None:
        if not clock.cancelled() and (error := clock.exception()) is not None:
            log.critical("the media clock failed, ending", exc_info=error)
            self._stop.set()

    async def _clock(self) -> None:
        due_s = time.monotonic()
        while True:
            due_s += _TICK_S
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            now_s = time.monotonic()
            lateness_s = now_s - due_s
            if lateness_s > _CATCH_UP_S:
                due_s = now_s
            self._lateness_s = max(self._lateness_s, lateness_s)
            await self._tick(now_s, lateness_s)

    async def _tick(self, now_s: float, lateness_s: float) -> None:
        self._ticks += 1
        rounds: list[tuple[list[int], list[bytes]]] = [([], [])]
        turn_until_s = now_s + _TURN_S
        for number, call in list(self._calls.items()):
            try:
                frames = call.tick(now_s)
            except Exception as error:
                self._failed(call, error)
                continue
            while len(rounds) < len(frames):
                rounds.append(([], []))
            for (legs, pcm), frame in zip(rounds, frames, strict=False):
                legs.append(number)
                pcm.append(frame)
            if time.monotonic() > turn_until_s:
                await asyncio.sleep(0)
                turn_until_s = time.monotonic() + _TURN_S
        # Usually one datagram; early audio that catches up has up to three more of the same tick.
        for legs, pcm in rounds:
            self.link.send_tick(now_s, max(0.0, lateness_s), legs, pcm)
        if self._ticks % _POLL_TICKS == 0:
            for call in list(self._calls.values()):
                call.leg.poll(now_s)

    def _failed(self, call: Call, error: Exception) -> None:
        log.exception("a call failed", extra={"call_id": call.call_id})
        call.leg.end(HangupCause.INTERNAL_ERROR, repr(error), time.monotonic())

    # Offers ----------------------------------------------------------------------------------------

    def _negotiate(self, command: commands.Negotiate) -> None:
        try:
            offer = sdp_offer.read(command.sdp)
        except OfferRefused as error:
            self._refuse(command.call_id, Refusal.BAD_SDP, str(error))
            return
        offered = events.Offered(
            call_id=command.call_id,
            at_s=time.monotonic(),
            endpoint=events.EndpointKind.WEBRTC,
            caller=command.caller,
            callee=command.callee,
            agent=command.agent,
            max_call_s=command.max_call_s,
            caller_name=command.caller_name,
            source=command.source,
            capabilities=events.Capabilities(
                listen_only=offer.listen_only, messages=offer.data is not None
            ),
        )
        cause = self._refusal()
        if cause is not None or command.call_id in self._by_id:
            self._refused += 1
            self.link.send_refused(offered, cause or HangupCause.INTERNAL_ERROR)
            return
        self._last_leg += 1
        number = self._last_leg
        network = replace(
            self._network,
            relay_only=command.relay_only,
            ice_servers=_servers(command.ice_servers),
        )
        try:
            call = Call(
                number,
                offered,
                command,
                offer,
                network=network,
                certificate=self._certificate,
                bounds=self._bounds,
                emit=self._emit,
                told=self.link.send_negotiation,
                spawn=self._spawn,
            )
        except EndpointError as error:
            self._refuse(command.call_id, Refusal.FAILED, str(error))
            return
        self._calls[number] = self._by_id[command.call_id] = call
        self.link.send_event(number, offered)

    def _refusal(self) -> HangupCause | None:
        if self._is_draining:
            return HangupCause.DRAINING
        if len(self._calls) >= self._max_calls:
            return HangupCause.CAPACITY
        return None

    def _refuse(self, call_id: str, refusal: Refusal, detail: str) -> None:
        self.link.send_negotiation(
            NegotiationRefused(call_id=call_id, refusal=refusal, detail=detail)
        )

    def _emit(self, number: int, event: events.Event) -> None:
        if isinstance(event, events.Ended):
            self._calls.pop(number, None)
            self._by_id.pop(event.call_id, None)
        self.link.send_event(number, event)

    def _signalled(self, command: commands.Signalling) -> None:
        if isinstance(command, commands.Negotiate):
            self._negotiate(command)
            return
        call = self._by_id.get(command.call_id)
        match command:
            case commands.CallerLeft():
                if call is not None:
                    call.leg.caller_left("hung up through signalling", time.monotonic())
            case _ if call is None:
                self._refuse(command.call_id, Refusal.UNKNOWN_CALL, command.call_id)
            case commands.AddCandidates():
                call.add_candidates(command.fragment)
            case commands.RestartIce():
                call.restart_ice(command.fragment, command.etag)

    # From the reader's thread to the loop ------------------------------------------------------------

    def _read(self) -> None:
        try:
            self.link.run()
        except GatewayError as error:
            log.error("media link failed", extra={"reason": str(error)})
        finally:
            self._post(self._stop.set)

    def _post(self, work: Callable[[], None]) -> None:
        if len(self._inbox) >= _INBOX_LIMIT:
            log.critical("worker cannot keep up, ending")
            work = self._stop.set
            self._inbox.clear()
        self._inbox.append(work)
        if self._is_woken:
            return
        self._is_woken = True
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._work)
        except RuntimeError:
            log.debug("a command after the end")

    def _work(self) -> None:
        # First, so that what is posted from now on wakes us again.
        self._is_woken = False
        inbox = self._inbox
        for _ in range(len(inbox)):
            try:
                inbox.popleft()()
            except Exception:
                log.exception("command failed")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_ended)
        return task

    def _on_task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if not isinstance(error, EndpointError):  # those are told by whoever waits for the task
            log.error("a task failed", exc_info=error)

    def _with(self, leg_no: int, work: Callable[[Call], None]) -> None:
        def run() -> None:
            if (call := self._calls.get(leg_no)) is not None:
                work(call)

        self._post(run)

    # The gateway's commands, on the reader's thread (CommandHandler) ---------------------------------

    def on_play(self, leg_no: int, pcm: bytes) -> None:
        def play(call: Call) -> None:
            call.leg.playout.play(pcm)

        self._with(leg_no, play)

    def on_mark(self, leg_no: int, name: str) -> None:
        self._with(leg_no, lambda call: call.leg.mark(name, time.monotonic()))

    def on_clear(self, leg_no: int) -> None:
        self._with(leg_no, lambda call: call.leg.clear(time.monotonic()))

    def on_answer(self, leg_no: int) -> None:
        self._with(leg_no, lambda call: call.leg.answer(time.monotonic()))

    def on_reject(self, leg_no: int, cause: HangupCause, retry_after_s: int) -> None:
        del retry_after_s  # HTTP tells it, from its own configuration
        self._with(leg_no, lambda call: call.leg.reject(cause, time.monotonic()))

    def on_dtmf(self, leg_no: int, digits: str) -> None:
        self._with(leg_no, lambda call: call.press(digits))

    def on_send_message(self, leg_no: int, text: str) -> None:
        self._with(leg_no, lambda call: call.send_message(text))

    def on_hang_up(self, leg_no: int, cause: HangupCause) -> None:
        self._with(leg_no, lambda call: call.leg.hang_up(cause, time.monotonic()))

    def on_place(self, call_id: str, target: str, caller: str, _trunk: str) -> None:
        """Browsers cannot be called."""
        log.error(
            "cannot call a browser",
            extra={"call_id": call_id, "pii_target": target, "pii_caller": caller},
        )

    def on_signalling(self, command: commands.Signalling) -> None:
        self._post(lambda: self._signalled(command))

    def on_drain(self) -> None:
        self._post(lambda: setattr(self, "_is_draining", True))

    def on_reread(self) -> None:
        """Nothing of a browser worker's configuration can change while it runs."""

    def counters(self) -> Mapping[str, float]:
        lateness_s, self._lateness_s = self._lateness_s, 0.0
        states = [call.leg.state for call in list(self._calls.values())]
        return {
            "calls": len(states),
            "calls_up": sum(state is LegState.UP for state in states),
            "calls_lost": sum(state is LegState.LOST for state in states),
            "refused": self._refused,
            "tasks": len(self._tasks),
            "ticks": self._ticks,
            "max_tick_lateness_s": lateness_s,
            "frames_dropped": self.link.dropped_frames,
        }


def _servers(text: str) -> list[dict[str, Any]]:
    """Return what the gateway told about ICE servers; it is its own configuration, so it is trusted."""
    parsed = json.loads(text)
    return [item for item in parsed if isinstance(item, dict)] if isinstance(parsed, list) else []
