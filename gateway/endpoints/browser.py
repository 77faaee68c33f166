"""The endpoint of browser calls: several worker processes, and what HTTP asks of them."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from gateway.endpoints.worker import WorkerEndpoint
from gateway.errors import (
    CallNotFound,
    CallOver,
    EndpointError,
    GatewayError,
    IceSessionReplaced,
    LinkProtocolError,
    NoAgent,
    OfferRefused,
)
from gateway.link.messages import Negotiated, NegotiationRefused, Refusal
from gateway.link.supervisor import ArgvFactory
from gateway.media.tick import TickListener
from gateway.metrics import Metrics
from gateway.model import commands
from gateway.model.browser_calls import BrowserOffer, Negotiation
from gateway.model.endpoint import Leg, LegListener, OfferListener
from gateway.model.events import Ended, EndpointKind, LegEvent, Offered
from gateway.model.hangup import HangupCause
from gateway.model.texts import LongText

logger = logging.getLogger(__name__)

_REFUSALS: Mapping[Refusal, Callable[[str], GatewayError]] = {
    Refusal.BAD_SDP: OfferRefused,
    Refusal.UNKNOWN_CALL: CallNotFound,
    Refusal.STALE: IceSessionReplaced,
    Refusal.FAILED: EndpointError,
}

_NO_AGENT = frozenset({HangupCause.NO_ROUTE})
_PASSING = frozenset(
    {
        HangupCause.CAPACITY,
        HangupCause.DRAINING,
        HangupCause.OVERLOADED,
        HangupCause.WORKER_LOST,
        HangupCause.INTERNAL_ERROR,
        HangupCause.AGENT_FAILED,
        HangupCause.NO_ANSWER,
    }
)
"""Causes after which the same offer may be taken later, or elsewhere."""


class BrowserEndpoint:
    """Implements `gateway.model.endpoint.Endpoint` and what HTTP asks; for the event loop."""

    def __init__(
        self,
        argvs: Sequence[ArgvFactory],
        *,
        offers: OfferListener,
        ticks: TickListener,
        metrics: Metrics,
    ) -> None:
        self._offers = offers
        self._waiting: dict[str, asyncio.Future[Negotiation]] = {}
        """Offers and restarts that wait for the worker's part, by call id."""
        self._worker_of: dict[str, WorkerEndpoint] = {}
        """Calls that were placed on a worker, from the offer until the end."""
        self._is_draining = False
        self._workers = [
            WorkerEndpoint(
                EndpointKind.WEBRTC,
                argv,
                offers=self,
                ticks=ticks,
                metrics=metrics,
                on_negotiation=self._on_negotiation,
                on_lost=partial(self._on_lost, number),
            )
            for number, argv in enumerate(argvs)
        ]

    @property
    def kind(self) -> EndpointKind:
        return EndpointKind.WEBRTC

    @property
    def is_ready(self) -> bool:
        return not self._is_draining and any(worker.is_ready for worker in self._workers)

    @property
    def facts(self) -> Mapping[str, str]:
        """What the first worker told about itself; all have the same configuration."""
        return self._workers[0].facts

    @property
    def workers(self) -> Sequence[WorkerEndpoint]:
        """For people and tests."""
        return self._workers

    async def start(self) -> None:
        await asyncio.gather(*(worker.start() for worker in self._workers))

    async def stop(self) -> None:
        await asyncio.gather(*(worker.stop() for worker in self._workers))
        for call_id in list(self._worker_of):
            self._over(call_id, CallOver("the gateway stops"))

    def drain(self) -> None:
        """Refuse new calls; calls that run go on."""
        self._is_draining = True
        for worker in self._workers:
            worker.drain()

    def legs(self) -> Sequence[Leg]:
        return [leg for worker in self._workers for leg in worker.legs()]

    # What HTTP asks (gateway.model.browser_calls) ----------------------------------------------------

    async def negotiate(self, offer: BrowserOffer) -> Negotiation:
        """Have a call made of an offer; returns when it was answered.

        Raises `OfferRefused` (with the reason), `NoAgent`, `EndpointError` (full, draining, no worker)
        or `CallOver`. Who gives up waiting also calls `hang_up`.
        """
        ready = [worker for worker in self._workers if worker.is_ready]
        if not ready or self._is_draining:
            raise EndpointError("no browser calls are taken now")
        placed = list(self._worker_of.values())
        worker = min(ready, key=placed.count)
        command = commands.Negotiate(
            call_id=offer.call_id,
            sdp=LongText(offer.sdp),
            callee=offer.callee,
            agent=offer.agent,
            caller=offer.caller,
            caller_name=offer.caller_name,
            source=offer.source,
            relay_only=offer.relay_only,
            early_audio=offer.has_early_audio,
            max_call_s=offer.max_call_s,
            ice_servers=LongText(json.dumps(offer.ice.get("servers", []))),
        )
        self._worker_of[offer.call_id] = worker
        try:
            return await self._ask(worker, command)
        except BaseException:
            # Refused, or not even offered: no `Ended` will come to forget it by.
            if all(leg.call_id != offer.call_id for leg in worker.legs()):
                self._worker_of.pop(offer.call_id, None)
            raise

    async def add_candidates(self, call_id: str, fragment: str) -> None:
        """Hand on more of the browser's candidates; raises `CallNotFound` or `OfferRefused`."""
        worker = self._find(call_id)
        self._command(worker, commands.AddCandidates(call_id=call_id, fragment=LongText(fragment)))

    async def restart_ice(self, call_id: str, fragment: str, etag: str) -> Negotiation:
        """Restart ICE with the browser's new credentials; returns our fragment.

        Raises `CallNotFound`, `OfferRefused`, `IceSessionReplaced`, `EndpointError` or `CallOver`.
        """
        worker = self._find(call_id)
        if call_id in self._waiting:
            raise IceSessionReplaced("another restart of this call is under way")
        command = commands.RestartIce(call_id=call_id, fragment=LongText(fragment), etag=etag)
        return await self._ask(worker, command)

    def hang_up(self, call_id: str) -> None:
        """End a call at the caller's wish, in whatever state it is; unknown calls are ignored."""
        if (worker := self._worker_of.get(call_id)) is not None:
            self._command(worker, commands.CallerLeft(call_id=call_id))

    # Offers, on their way to the gateway (OfferListener) ---------------------------------------------

    def on_offered(self, leg: Leg, offered: Offered) -> LegListener:
        return _Watched(
            self._offers.on_offered(leg, offered), partial(self._on_ended, offered.call_id)
        )

    def on_refused(self, offered: Offered, cause: HangupCause) -> None:
        self._over(offered.call_id, _error_of(cause, ""))
        self._offers.on_refused(offered, cause)

    def _on_ended(self, call_id: str, ended: Ended) -> None:
        self._over(call_id, _error_of(ended.cause, ended.detail))

    # Inside ------------------------------------------------------------------------------------------

    async def _ask(
        self, worker: WorkerEndpoint, command: commands.Negotiate | commands.RestartIce
    ) -> Negotiation:
        answer: asyncio.Future[Negotiation] = asyncio.get_running_loop().create_future()
        self._waiting[command.call_id] = answer
        try:
            self._command(worker, command)
            return await answer
        finally:
            self._waiting.pop(command.call_id, None)

    def _command(self, worker: WorkerEndpoint, command: commands.Signalling) -> None:
        try:
            worker.command(command)
        except LinkProtocolError as error:
            # Text that grows too long when it is written for the link.
            raise OfferRefused("the description is too long") from error

    def _find(self, call_id: str) -> WorkerEndpoint:
        worker = self._worker_of.get(call_id)
        if worker is None:
            raise CallNotFound(call_id)
        return worker

    def _on_negotiation(self, outcome: Negotiated | NegotiationRefused) -> None:
        waiting = self._waiting.get(outcome.call_id)
        match outcome:
            case Negotiated(sdp=sdp, etag=etag):
                if waiting is not None and not waiting.done():
                    waiting.set_result(Negotiation(sdp, etag))
            case NegotiationRefused(refusal=refusal, detail=detail):
                if waiting is not None and not waiting.done():
                    waiting.set_exception(_REFUSALS[refusal](detail))
                else:
                    # Candidates wait for nobody's answer.
                    logger.info(
                        "a description was refused",
                        extra={"call_id": outcome.call_id, "reason": detail},
                    )

    def _on_lost(self, number: int) -> None:
        """Tell who waits for a worker that is gone, also of offers that it never made a leg of."""
        lost = self._workers[number]
        for call_id in [each for each, worker in self._worker_of.items() if worker is lost]:
            self._over(call_id, EndpointError("the worker was lost"))

    def _over(self, call_id: str, error: GatewayError) -> None:
        self._worker_of.pop(call_id, None)
        waiting = self._waiting.get(call_id)
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)


class _Watched:
    """A leg's listener that also tells us of the end."""

    def __init__(self, inner: LegListener, on_ended: Callable[[Ended], None]) -> None:
        self._inner = inner
        self._on_ended = on_ended

    def on_leg_event(self, event: LegEvent) -> None:
        if isinstance(event, Ended):
            self._on_ended(event)
        self._inner.on_leg_event(event)


def _error_of(cause: HangupCause, detail: str) -> GatewayError:
    """Return what whoever waits for an answer is told of an end without one."""
    text = f"the call ended: {cause.value}" + (f" ({detail})" if detail else "")
    if cause in _NO_AGENT:
        return NoAgent("nobody answers there")
    if cause in _PASSING:
        return EndpointError(text)
    return CallOver(text)
