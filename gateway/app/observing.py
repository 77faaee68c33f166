"""Joins what watches the gateway: recording, vitals, event webhooks and traces."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

from aiohttp import web

from agents.llm.tools import Capability
from agents.speech.pool import SpeechPool
from gateway.app.transports import read_secret
from gateway.channels.outbox.outbox import Outbox
from gateway.channels.text_watchers import TextWatcher
from gateway.channels.webhook_signature import key_of
from gateway.config import Config
from gateway.config.event_webhooks import EventWebhookSection
from gateway.errors import ConfigError
from gateway.event_webhooks.herald import Herald
from gateway.event_webhooks.webhooks import EventWebhooks
from gateway.http import event_webhooks as event_routes
from gateway.http import recordings as recording_routes
from gateway.metrics import Metrics
from gateway.recording.desk import RecordingDesk
from gateway.rooms.watched_recorder import Watcher
from gateway.store.store import Store
from gateway.tracing.tracer import Tracer, build_tracer
from gateway.vitals import Vitals


class Observing:
    """Made before anything starts, so that mistakes in the configuration show at once; `start`, `close`."""

    def __init__(self, config: Config, metrics: Metrics, store: Store) -> None:
        """Raises `ConfigError`."""
        self._store = store
        self.recordings = RecordingDesk(config, metrics)
        self.vitals = Vitals(metrics.registry, store)
        self._webhooks = EventWebhooks(
            store, config.event_webhooks, _keys(config.event_webhooks), metrics
        )
        self._tracer = build_tracer(config.tracing)
        self._stack = AsyncExitStack()

    def capabilities(self) -> Mapping[str, Capability]:
        """Return the tools of language models that are carried out here."""
        return {
            "pause_recording": self.recordings.pause_for_agent,
            "resume_recording": self.recordings.resume_for_agent,
        }

    def watchers(self) -> Sequence[Watcher]:
        """Return who is to see what is written down of calls."""
        return self._all_watchers()

    def text_watchers(self) -> Sequence[TextWatcher]:
        """Return who is to see what happens to written messages."""
        return self._all_watchers()

    def _all_watchers(self) -> list[Herald | Tracer]:
        watchers: list[Herald | Tracer] = [self._webhooks.herald] if self._webhooks.is_on else []
        return watchers if self._tracer is None else [*watchers, self._tracer]

    def watch_speech(self, speech: SpeechPool) -> None:
        self.vitals.speech = speech.statistics

    def watch_outbox(self, outbox: Outbox) -> None:
        self.vitals.outbox_pending = lambda: outbox.pending

    def add_routes(self, app: web.Application) -> None:
        """Add the API of recordings and event webhooks."""
        recording_routes.add_routes(app, self.recordings)
        event_routes.add_routes(app, self._webhooks)

    async def start(self) -> None:
        """Begin; the store has started. Raises `GatewayError`."""
        stack = self._stack
        if self._tracer is not None:
            stack.push_async_callback(self._tracer.close)
        self.vitals.start()
        stack.callback(self.vitals.stop)
        stack.push_async_callback(self.recordings.stop)
        await self.recordings.start()
        stack.push_async_callback(self._webhooks.close)
        await self._webhooks.start(self._store.cut_off)

    async def close(self) -> None:
        """End, bounded; may be called twice."""
        await self._stack.aclose()


def _keys(targets: Mapping[str, EventWebhookSection]) -> dict[str, bytes]:
    keys = {}
    for name, section in targets.items():
        key = f"event_webhooks.{name}.secret_file"
        try:
            keys[name] = key_of(read_secret(section.secret_file, key))
        except ValueError as error:
            raise ConfigError(f"{key}: {error}") from None
    return keys
