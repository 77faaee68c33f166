"""Joins what the console needs: events, the watch over calls, who is signed in, and its routes."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aiohttp import web

from gateway import __version__
from gateway.config import Config
from gateway.console.announcer import CallAnnouncer
from gateway.console.board import CallBoard
from gateway.console.bus import EventBus
from gateway.console.sign_ins import SignIns
from gateway.console.watch import CallWatch
from gateway.endpoints.worker import WorkerEndpoint
from gateway.errors import CallNotFound
from gateway.http.console import data, events, page
from gateway.http.console.sign_in import ConsoleSignIn
from gateway.media.tick import TickListener
from gateway.model.remote_models import AsksModels
from gateway.sessions.registry import SessionRegistry

if TYPE_CHECKING:
    from gateway.app.gateway import Gateway


class ConsoleSide:
    """Looks on at calls. Made before the endpoints, which hand their calls and sound to `watch`."""

    def __init__(self, bus: EventBus, registry: SessionRegistry, ticks: TickListener) -> None:
        def is_speaking(call_id: str) -> bool:
            try:
                return registry.session(call_id).is_caller_speaking
            except CallNotFound:
                return False

        self.watch = CallWatch(registry, ticks, is_speaking=is_speaking)
        self.announcer = CallAnnouncer(bus, self.watch)
        self.board = CallBoard(registry.sessions, self.watch, bus)
        self._showing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to show the live calls."""
        self._showing = asyncio.create_task(self.board.run(), name="console board")

    async def stop(self) -> None:
        """Show nothing any more; may be called twice."""
        showing, self._showing = self._showing, None
        if showing is not None:
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)


def add_routes(http: web.Application, config: Config, gateway: "Gateway") -> None:
    """Add the stream of events and what the API tells of live calls, and the console itself if it is on.

    Raises `AssetError`.
    """
    events.add_routes(http, gateway.events)
    data.add_routes(
        http,
        board=gateway.console.board,
        readiness=gateway,
        vitals=_Vitals(gateway),
        config=lambda: gateway.config,
    )
    if config.console.enabled:
        sign_ins = SignIns(lasts_s=config.console.sign_in_hours * 3600, clock=time.monotonic)
        ConsoleSignIn(sign_ins, mask_pii=config.gateway.mask_pii).add_to(http)
        page.add_routes(http, page.read_files(page.folder()))


class _Vitals:
    """Implements `data.Vitals`; reads what is known already."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._began_s = time.monotonic()

    def figures(self) -> Mapping[str, Any]:
        gateway = self._gateway
        live, speech = gateway.registry.statistics(), gateway.speech.statistics()
        watched = gateway.events.statistics()
        browser = gateway.browser.workers if gateway.browser is not None else ()
        return {
            "version": __version__,
            "uptime_s": round(time.monotonic() - self._began_s),
            "calls": {
                "live": live.live,
                "taken": live.taken,
                "refused": live.refused,
                "is_draining": live.is_draining,
            },
            "workers": [
                *([_worker("sip", gateway.sip)] if gateway.sip is not None else []),
                *(_worker(f"webrtc {n}", worker) for n, worker in enumerate(browser, 1)),
            ],
            "speech": {
                "workers": speech.workers,
                "ready": speech.ready,
                "busy": speech.busy,
                "queued": sum(speech.queued.values()),
                "failed": speech.failed,
                "refused": speech.refused,
                "timed_out": speech.timed_out,
                "restarts": speech.restarts,
                "run_p50_ms": {kind.value: round(ms) for kind, ms in speech.run_p50_ms.items()},
            },
            "models": [
                {"agent": name, **asdict(health)}
                for name, agent in gateway.agents.items()
                if isinstance(agent, AsksModels)
                for health in agent.models()
            ],
            "providers": [
                {
                    "name": courier.provider,
                    "state": courier.breaker_state.value,
                    "waiting": len(courier),
                }
                for courier in gateway.texting.outbox.couriers
            ],
            "store": {"backlog": gateway.store.backlog, "lost": gateway.store.lost},
            "events": {"watchers": watched.watchers, "missed": watched.missed},
        }


def _worker(name: str, worker: WorkerEndpoint) -> dict[str, Any]:
    return {
        "name": name,
        "ok": worker.is_ready,
        "pid": worker.pid,
        "calls": len(worker.legs()),
    }
