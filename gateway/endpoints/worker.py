"""An endpoint whose calls live in a worker process at the other end of a media link."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from gateway.endpoints.ear_table import EarTable
from gateway.endpoints.worker_leg import WorkerLeg
from gateway.errors import LinkProtocolError
from gateway.link.connection import LinkConnection
from gateway.link.messages import Hello, Negotiated, NegotiationRefused, OnLeg, Pong, Refused
from gateway.link.protocol import Tick
from gateway.link.supervisor import STOP_CALLS_S, ArgvFactory, Supervisor, WorkerMessage
from gateway.media.tick import AudioTick, TickListener
from gateway.metrics import Metrics
from gateway.model import commands
from gateway.model.endpoint import Leg, OfferListener
from gateway.model.events import Ended, EndpointKind, Event, Offered
from gateway.model.frame import FRAME_SAMPLES
from gateway.model.hangup import HangupCause

logger = logging.getLogger(__name__)

TICK_GAP_S = 0.5
"""Ticks so far apart mean that the worker had no calls between them, not that its clock was late."""

_Result = TypeVar("_Result")


class WorkerEndpoint:
    """Implements `gateway.model.endpoint.Endpoint` over a supervised process; for the event loop.

    A worker that is lost ends each of its legs once with `WORKER_LOST` (their marks do not come back)
    and is started again; nothing of an old worker reaches the legs of a new one.
    """

    def __init__(
        self,
        kind: EndpointKind,
        argv: ArgvFactory,
        *,
        offers: OfferListener,
        ticks: TickListener,
        metrics: Metrics,
        on_negotiation: Callable[[Negotiated | NegotiationRefused], None] | None = None,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._kind = kind
        self._on_negotiation = on_negotiation
        self._on_lost = on_lost
        self._offers = offers
        self._ticks = ticks
        self._metrics = metrics
        self._legs: dict[int, WorkerLeg] = {}
        self._ears = EarTable()
        self._last_leg = -1
        self._dropped_by_worker = 0
        self._dropped_by_link = 0
        self._last_tick_s = 0.0
        self._facts: Mapping[str, str] = {}
        self._counters: Mapping[str, float] = {}
        self._connection: LinkConnection | None = None
        self._is_stopping = False
        self._all_ended = asyncio.Event()
        restarts = metrics.worker_restarts.labels(worker=kind.value)
        self._supervisor = Supervisor(kind.value, argv, self, on_restart=restarts.inc)

    @property
    def kind(self) -> EndpointKind:
        return self._kind

    @property
    def is_ready(self) -> bool:
        return self._supervisor.is_up and not self._is_stopping

    @property
    def facts(self) -> Mapping[str, str]:
        """What the worker told about itself when it came up, for people."""
        return self._facts

    @property
    def counters(self) -> Mapping[str, float]:
        """The worker's own counters, about a second old."""
        return self._counters

    @property
    def pid(self) -> int | None:
        """The worker's process id, for people and tests."""
        return self._supervisor.pid

    async def start(self) -> None:
        await self._supervisor.start()

    async def stop(self) -> None:
        self._is_stopping = True
        self.drain()
        for leg in list(self._legs.values()):
            leg.hang_up(HangupCause.DRAINING)
        if self._legs:
            self._all_ended.clear()
            try:
                async with asyncio.timeout(STOP_CALLS_S):
                    await self._all_ended.wait()
            except TimeoutError:
                logger.warning("calls did not end in time", extra={"calls": len(self._legs)})
        self._end_all(HangupCause.DRAINING, "the gateway stops")
        await self._supervisor.stop()

    def drain(self) -> None:
        """Have the worker refuse new calls; calls that run go on."""
        self._supervisor.drain()

    def reread(self) -> None:
        """Have the worker read its configuration file again; a later one reads it anyway."""
        self.command(commands.Reread())

    def legs(self) -> Sequence[Leg]:
        return list(self._legs.values())

    def place(self, call_id: str, target: str, *, caller: str, trunk: str = "") -> bool:
        """Place an outbound call; its `Offered` follows. False when there is no worker to do it."""
        if self._connection is None:
            return False
        self.command(commands.Place(call_id=call_id, target=target, caller=caller, trunk=trunk))
        return True

    # Called by legs ------------------------------------------------------------------------------

    def command(self, command: commands.Command) -> None:
        """Send a command; ignored while there is no worker."""
        if self._connection is not None:
            self._connection.send(command)

    def play(self, leg: int, pcm: bytes) -> None:
        """Send audio for a leg; ignored while there is no worker."""
        if self._connection is not None:
            self._connection.play(leg, pcm)

    def bind(self, leg: int, ear: int | None) -> None:
        """Send a leg's inbound audio to an ear, or to nobody."""
        if ear is None:
            self._ears.unbind(leg)
        else:
            self._ears.bind(leg, ear)

    # Called by the supervisor --------------------------------------------------------------------

    def on_worker_up(self, connection: LinkConnection, hello: Hello) -> None:
        self._connection = connection
        self._facts = hello.facts
        self._counters = {}
        self._last_leg = -1
        self._dropped_by_worker = 0
        self._dropped_by_link = 0
        self._last_tick_s = 0.0
        logger.info("worker is up", extra={"worker": self._kind.value, "worker_pid": hello.pid})

    def on_worker_pong(self, pong: Pong) -> None:
        self._counters = pong.counters
        if self._connection is not None:
            dropped = self._connection.dropped_frames
            self._metrics.frames_dropped.inc(dropped - self._dropped_by_link)
            self._dropped_by_link = dropped

    def on_worker_lost(self, reason: str) -> None:
        self._connection = None
        if not self._is_stopping:
            logger.error("worker was lost", extra={"worker": self._kind.value, "reason": reason})
        self._end_all(HangupCause.WORKER_LOST, reason)
        self._ears.clear()
        self._on_lost()

    def on_worker_message(self, message: WorkerMessage) -> None:
        match message:
            case Tick():
                self._on_tick(message)
            case OnLeg(leg=number, event=Offered() as offered):
                self._on_offered(number, offered)
            case OnLeg(leg=number, event=event):
                self._on_event(number, event)
            case Refused(offered=offered, cause=cause):
                self._guarded(lambda: self._offers.on_refused(offered, cause))
            case Negotiated() | NegotiationRefused():
                if self._on_negotiation is None:
                    raise LinkProtocolError("a worker of telephones negotiated with a browser")
                self._on_negotiation(message)

    def _on_tick(self, tick: Tick) -> None:
        # A tick may come in parts; and a worker without calls sends none.
        if 0 < (interval_s := tick.at_s - self._last_tick_s) < TICK_GAP_S:
            self._metrics.tick_interval.observe(interval_s)
        self._last_tick_s = tick.at_s
        transit_s = max(0.0, time.monotonic() - tick.at_s)
        late_s = max(0.0, tick.lateness_s) + transit_s
        self._metrics.tick_lateness.observe(late_s)
        self._metrics.recent_ticks.add(late_s)
        if tick.dropped_total > self._dropped_by_worker:
            self._metrics.frames_dropped.inc(tick.dropped_total - self._dropped_by_worker)
            self._dropped_by_worker = tick.dropped_total
        ears, which = self._ears.lookup(np.frombuffer(tick.legs, dtype="<u4"))
        if not len(ears):
            return
        pcm = np.frombuffer(tick.pcm, dtype="<i2").reshape(-1, FRAME_SAMPLES)
        audio = AudioTick(tick.at_s, ears, pcm if which is None else pcm[which])
        self._guarded(lambda: self._ticks.on_tick(audio))

    def _on_offered(self, number: int, offered: Offered) -> None:
        if number <= self._last_leg:
            raise LinkProtocolError(f"leg number {number} after {self._last_leg}")
        self._last_leg = number
        leg = WorkerLeg(self, number, offered)
        self._legs[number] = leg
        listener = self._guarded(lambda: self._offers.on_offered(leg, offered))
        if listener is None:
            leg.reject(HangupCause.INTERNAL_ERROR)
        leg.listener = listener

    def _on_event(self, number: int, event: Event) -> None:
        leg = self._legs.get(number)
        if leg is None or isinstance(event, Offered):
            # An outbound call that failed before it became a leg, or our end of it was first.
            logger.debug("event of an unknown leg", extra={"leg": number, "call_id": event.call_id})
            return
        if event.call_id != leg.call_id:
            raise LinkProtocolError(f"leg {number} is not call {event.call_id!r}")
        if isinstance(event, Ended):
            self._forget(leg)
        listener = leg.listener
        if listener is not None:
            self._guarded(lambda: listener.on_leg_event(event))

    def _end_all(self, cause: HangupCause, detail: str) -> None:
        for leg in list(self._legs.values()):
            ended = Ended(call_id=leg.call_id, at_s=time.monotonic(), cause=cause, detail=detail)
            self._on_event(leg.number, ended)

    def _forget(self, leg: WorkerLeg) -> None:
        leg.is_ended = True
        del self._legs[leg.number]
        self._ears.unbind(leg.number)
        if not self._legs:
            self._all_ended.set()

    def _guarded(self, call: Callable[[], _Result]) -> _Result | None:
        """Run a listener; a fault in one call must not end all calls of the worker."""
        try:
            return call()
        except Exception:
            logger.exception("a listener failed", extra={"worker": self._kind.value})
            return None
