"""An endpoint whose calls live in a worker process at the other end of a media link."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from gateway.link import protocol
from gateway.link.connection import LinkConnection
from gateway.link.supervisor import ArgvFactory, Supervisor
from gateway.media.tick import AudioTick, TickListener
from gateway.metrics import Metrics
from gateway.model import commands
from gateway.model.endpoint import Leg, LegListener, OfferListener
from gateway.model.events import Capabilities, EndpointKind, Ended, LegEvent, Offered
from gateway.model.hangup import HangupCause

log = logging.getLogger(__name__)

_DTMF = frozenset("0123456789*#ABCD")
_NO_EAR = -1
_T = TypeVar("_T")


class WorkerLeg:
    """A leg at the other end of the link (implements `gateway.model.endpoint.Leg`)."""

    def __init__(self, endpoint: "WorkerEndpoint", number: int, offered: Offered) -> None:
        self._endpoint = endpoint
        self.number = number
        self._offered = offered
        self.listener: LegListener | None = None
        self.ended = False

    @property
    def call_id(self) -> str:
        return self._offered.call_id

    @property
    def capabilities(self) -> Capabilities:
        return self._offered.capabilities

    def bind_ear(self, ear: int | None) -> None:
        if not self.ended or ear is None:
            self._endpoint.bind(self.number, _NO_EAR if ear is None else ear)

    def answer(self) -> None:
        self._command(commands.Answer(leg=self.number))

    def reject(self, cause: HangupCause, *, retry_after_s: int = 0) -> None:
        self._command(commands.Reject(leg=self.number, cause=cause, retry_after_s=retry_after_s))

    def play(self, pcm: bytes) -> None:
        if len(pcm) % 2:
            raise ValueError(f"{len(pcm)} bytes are not whole samples")
        if not self.ended and pcm:
            self._endpoint.play(self.number, pcm)

    def mark(self, name: str) -> None:
        self._command(commands.Mark(leg=self.number, name=name))

    def clear(self) -> None:
        self._command(commands.Clear(leg=self.number))

    def send_dtmf(self, digits: str) -> None:
        if not digits or set(digits) - _DTMF:
            raise ValueError(f"{digits!r}: digits are {''.join(sorted(_DTMF))}")
        self._command(commands.SendDtmf(leg=self.number, digits=digits))

    def hang_up(self, cause: HangupCause) -> None:
        self._command(commands.HangUp(leg=self.number, cause=cause))

    def _command(self, command: commands.Command) -> None:
        if not self.ended:
            self._endpoint.command(command)


class WorkerEndpoint:
    """Calls of one kind, terminated by a supervised worker process."""

    def __init__(
        self,
        kind: EndpointKind,
        argv: ArgvFactory,
        *,
        offers: OfferListener,
        ticks: TickListener,
        metrics: Metrics,
    ) -> None:
        self._kind = kind
        self._offers = offers
        self._ticks = ticks
        self._metrics = metrics
        self._legs: dict[int, WorkerLeg] = {}
        self._ears = np.full(1024, _NO_EAR, dtype=np.int32)
        """Leg number → ear number; grows, since leg numbers are never reused in a worker's life."""
        self._dropped = 0
        self._counters: dict[str, float] = {}
        self._facts: dict[str, Any] = {}
        self._connection: LinkConnection | None = None
        restarts = metrics.worker_restarts.labels(worker=kind.value)
        self._supervisor = Supervisor(kind.value, argv, self, on_restart=restarts.inc)

    @property
    def kind(self) -> EndpointKind:
        return self._kind

    @property
    def is_ready(self) -> bool:
        return self._supervisor.is_up

    @property
    def facts(self) -> dict[str, Any]:
        """What the worker told about itself when it came up."""
        return self._facts

    @property
    def counters(self) -> dict[str, float]:
        """The worker's own counters, at most a second or so old."""
        return self._counters

    @property
    def pid(self) -> int | None:
        return self._supervisor.pid

    async def start(self) -> None:
        await self._supervisor.start()

    async def stop(self) -> None:
        self._end_all(HangupCause.DRAINING, "gateway stopped")
        await self._supervisor.stop()

    def drain(self) -> None:
        """Refuse new calls; running ones go on."""
        self._supervisor.drain()

    def legs(self) -> Sequence[Leg]:
        return list(self._legs.values())

    def place(self, call_id: str, target: str, *, caller: str) -> bool:
        """Place an outbound call; its `Offered` follows. False when no worker is there to do it."""
        if self._connection is None:
            return False
        self.command(commands.Place(call_id=call_id, target=target, caller=caller))
        return True

    # Called by legs ---------------------------------------------------------------------------

    def bind(self, leg: int, ear: int) -> None:
        """Map a leg's audio to an ear."""
        if leg >= len(self._ears):
            grown = np.full(max(leg + 1, 2 * len(self._ears)), _NO_EAR, dtype=np.int32)
            grown[: len(self._ears)] = self._ears
            self._ears = grown
        self._ears[leg] = ear

    def command(self, command: commands.Command) -> None:
        if self._connection is not None:
            self._connection.send(command)

    def play(self, leg: int, pcm: bytes) -> None:
        if self._connection is not None:
            self._connection.play(leg, pcm)

    # Called by the supervisor -----------------------------------------------------------------

    def on_worker_up(self, connection: LinkConnection, hello: protocol.Hello) -> None:
        self._connection = connection
        self._facts = hello.facts
        self._dropped = 0
        self._ears.fill(_NO_EAR)
        log.info("worker is up", extra={"worker": self._kind.value, "worker_pid": hello.pid})

    def on_worker_pong(self, pong: protocol.Pong) -> None:
        self._counters = pong.counters

    def on_worker_lost(self, reason: str) -> None:
        self._connection = None
        log.error("worker was lost", extra={"worker": self._kind.value, "reason": reason})
        self._end_all(HangupCause.WORKER_LOST, reason)

    def on_worker_message(self, message: protocol.Message) -> None:
        match message:
            case protocol.Tick():
                self._on_tick(message)
            case protocol.OnLeg(leg=number, event=Offered() as offered):
                self._on_offered(number, offered)
            case protocol.OnLeg():
                event = message.event
                if not isinstance(event, Offered):
                    self._on_event(message.leg, event)
            case protocol.Refused():
                self._offers.on_refused(message.offered, message.cause)
            case _:
                log.warning("unexpected message", extra={"type": type(message).__name__})

    def _on_tick(self, tick: protocol.Tick) -> None:
        self._metrics.tick_lateness.observe(max(0.0, tick.lateness_s))
        if tick.dropped_total > self._dropped:
            self._metrics.frames_dropped.inc(tick.dropped_total - self._dropped)
            self._dropped = tick.dropped_total
        if len(tick.legs) == 0 or int(tick.legs.max()) >= len(self._ears):
            known = tick.legs[tick.legs < len(self._ears)]
            if len(known) == 0:
                return
            pcm = tick.pcm[tick.legs < len(self._ears)]
            ears = self._ears[known]
        else:
            ears = self._ears[tick.legs]
            pcm = tick.pcm
        heard = ears >= 0
        if not heard.all():
            ears = ears[heard]
            pcm = pcm[heard]
        if len(ears):
            self._ticks.on_tick(AudioTick(tick.at_s, ears, pcm))

    def _on_offered(self, number: int, offered: Offered) -> None:
        leg = WorkerLeg(self, number, offered)
        self._legs[number] = leg
        self.bind(number, _NO_EAR)
        leg.listener = self._guarded(lambda: self._offers.on_offered(leg, offered))
        if leg.listener is None:
            leg.reject(HangupCause.INTERNAL_ERROR)

    def _on_event(self, number: int, event: LegEvent) -> None:
        leg = self._legs.get(number)
        if leg is None:
            # Crossed with the leg's end.
            return
        if isinstance(event, Ended):
            self._forget(leg)
        listener = leg.listener
        if listener is not None:
            self._guarded(lambda: listener.on_leg_event(event))

    def _end_all(self, cause: HangupCause, detail: str) -> None:
        for leg in list(self._legs.values()):
            self._on_event(
                leg.number,
                Ended(call_id=leg.call_id, at_s=time.monotonic(), cause=cause, detail=detail),
            )

    def _forget(self, leg: WorkerLeg) -> None:
        leg.ended = True
        self._legs.pop(leg.number, None)
        self._ears[leg.number] = _NO_EAR

    def _guarded(self, call: Callable[[], _T]) -> _T | None:
        """Run a listener; its faults must not take the link, and all calls on it, down."""
        try:
            return call()
        except Exception:
            log.exception("a listener failed", extra={"worker": self._kind.value})
            return None
