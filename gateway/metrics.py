"""The metrics of the gateway process, by the names that dashboards and alerts rely on (Prometheus)."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gateway.load.meters import LatenessMeter

_TICK_S = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5)
_INTERVAL_S = (0.015, 0.018, 0.019, 0.02, 0.021, 0.022, 0.023, 0.025, 0.03, 0.04, 0.06, 0.1, 0.5)
_FAST_S = (0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
_SLOW_S = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """All metrics, on a registry of their own so that tests and two gateways do not share them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.calls_active = Gauge(
            "offhook_calls_active", "Calls that have not ended", registry=self.registry
        )
        self.calls_total = Counter(
            "offhook_calls_total",
            "Calls that ended, by endpoint and hangup cause",
            ["endpoint", "outcome"],
            registry=self.registry,
        )
        self.answer_to_greeting = Histogram(
            "offhook_answer_to_greeting_seconds",
            "From answered and media up to the greeting's first sample",
            buckets=_FAST_S,
            registry=self.registry,
        )
        self.greeting_gate = Histogram(
            "offhook_greeting_gate_seconds",
            "From the answer to the opening of the greeting gate",
            ["reason"],
            buckets=_SLOW_S,
            registry=self.registry,
        )
        self.barge_in = Histogram(
            "offhook_barge_in_seconds",
            "From the decision to interrupt to silence towards the caller",
            buckets=_FAST_S,
            registry=self.registry,
        )
        self.turn_response = Histogram(
            "offhook_turn_response_seconds",
            "From the end of the caller's speech to the first sample of the answer",
            buckets=_SLOW_S,
            registry=self.registry,
        )
        self.tick_lateness = Histogram(
            "offhook_media_tick_lateness_seconds",
            "How late media ticks reached the gateway",
            buckets=_TICK_S,
            registry=self.registry,
        )
        self.tick_interval = Histogram(
            "offhook_media_tick_interval_seconds",
            "From one media tick of a worker to its next, while it has calls (20 ms are due)",
            buckets=_INTERVAL_S,
            registry=self.registry,
        )
        self.recent_ticks = LatenessMeter()
        """The same, since the load was last looked at."""
        self.frames_dropped = Counter(
            "offhook_frames_dropped_total",
            "Audio frames dropped inside the gateway's processes",
            registry=self.registry,
        )
        self.messages = Counter(
            "offhook_messages_total",
            "Text messages, by channel and status",
            ["channel", "status"],
            registry=self.registry,
        )
        self.fallbacks = Counter(
            "offhook_fallbacks_total",
            "Conversations carried on by text, by reason and channel",
            ["reason", "channel"],
            registry=self.registry,
        )
        self.dials_refused = Counter(
            "offhook_dials_refused_total",
            "Calls of ours that the rules of [dialling] refused",
            # Not `reason`, which is why a gate opened, elsewhere.
            ["rule"],
            registry=self.registry,
        )
        self.store_backlog = Gauge(
            "offhook_store_backlog", "Writes waiting for the store", registry=self.registry
        )
        self.worker_restarts = Counter(
            "offhook_worker_restarts_total",
            "Worker processes that were started again",
            ["worker"],
            registry=self.registry,
        )
        self.recordings_active = Gauge(
            "offhook_recordings_active",
            "Calls whose recording runs, pauses or waits to begin",
            registry=self.registry,
        )
        self.recordings = Counter(
            "offhook_recordings_total",
            "Recordings that ended, by how (call_ended is well)",
            ["outcome"],
            registry=self.registry,
        )
        self.event_webhooks = Counter(
            "offhook_event_webhooks_total",
            "Events told to the operator's programs: delivered, failed attempts, dead, dropped",
            ["outcome"],
            registry=self.registry,
        )
        self.event_webhooks_pending = Gauge(
            "offhook_event_webhooks_pending", "Events that wait to be told", registry=self.registry
        )
