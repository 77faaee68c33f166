"""Joins what watches the gateway: recording, vitals, event webhooks and traces."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

from aiohttp import web

from agents.llm.tools import Capability
from agents.speech.pool import SpeechPool
from gateway.channels.outbox.outbox import Outbox
from gateway.config import Config
from gateway.http import recordings as recording_routes
from gateway.metrics import Metrics
from gateway.recording.desk import RecordingDesk
from gateway.rooms.watched_recorder import Watcher
from gateway.store.store import Store
from gateway.vitals import Vitals


class Observing:
    """Made before anything starts, so that mistakes in the configuration show at once; `start`, `close`."""

    def __init__(self, config: Config, metrics: Metrics, store: Store) -> None:
        """Raises `ConfigError`."""
        self.recordings = RecordingDesk(config, metrics)
        self.vitals = Vitals(metrics.registry, store)
        self._stack = AsyncExitStack()

    def capabilities(self) -> Mapping[str, Capability]:
        """Return the tools of language models that are carried out here."""
        return {
            "pause_recording": self.recordings.pause_for_agent,
            "resume_recording": self.recordings.resume_for_agent,
        }

    def watchers(self) -> Sequence[Watcher]:
        """Return who is to see what is written down of calls."""
        return ()

    def watch_speech(self, speech: SpeechPool) -> None:
        self.vitals.speech = speech.statistics

    def watch_outbox(self, outbox: Outbox) -> None:
        self.vitals.outbox_pending = lambda: outbox.pending

    def add_routes(self, app: web.Application) -> None:
        """Add the API of recordings."""
        recording_routes.add_routes(app, self.recordings)

    async def start(self) -> None:
        """Begin; the store has started. Raises `GatewayError`."""
        stack = self._stack
        self.vitals.start()
        stack.callback(self.vitals.stop)
        stack.push_async_callback(self.recordings.stop)
        await self.recordings.start()

    async def close(self) -> None:
        """End, bounded; may be called twice."""
        await self._stack.aclose()
