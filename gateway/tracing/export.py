"""Sends planned spans to a collector by OTLP over HTTP; the only file that knows OpenTelemetry."""

from collections.abc import Mapping

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode

from gateway import __version__
from gateway.tracing.plan import SpanPlan

TIMEOUT_S = 5.0
_QUEUE = 4_096
"""Spans that may wait for the collector; more are dropped by the library, newest first."""


class Exporter:
    """Thread-safe. Making spans takes some 50 µs each; `close` may take seconds: for a thread."""

    def __init__(self, url: str, service_name: str, exporter: SpanExporter | None = None) -> None:
        resource = Resource.create({"service.name": service_name, "service.version": __version__})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(
            BatchSpanProcessor(
                exporter or OTLPSpanExporter(endpoint=url, timeout=TIMEOUT_S),
                max_queue_size=_QUEUE,
                schedule_delay_millis=1_000,
            )
        )
        self._tracer = self._provider.get_tracer("offhook", __version__)

    def export(self, plan: SpanPlan, parent: SpanContext | None = None) -> SpanContext:
        """Queue a span with its children; returns what further spans may hang under."""
        context = None
        if parent is not None:
            context = trace.set_span_in_context(NonRecordingSpan(parent))
        span = self._tracer.start_span(
            plan.name,
            context=context,
            kind=SpanKind.SERVER if parent is None else SpanKind.INTERNAL,
            attributes=_plain(plan.attributes),
            start_time=_ns(plan.start),
        )
        for name, at, attributes in plan.moments:
            span.add_event(name, _plain(attributes), timestamp=_ns(at))
        if plan.error:
            span.set_status(Status(StatusCode.ERROR, plan.error))
        for child in plan.children:
            self.export(child, span.get_span_context())
        span.end(end_time=_ns(plan.end))
        return span.get_span_context()

    def close(self) -> None:
        """Send what waits and stop."""
        self._provider.shutdown()


def _plain(
    attributes: Mapping[str, float | int | str | bool],
) -> dict[str, float | int | str | bool]:
    return dict(attributes)


def _ns(at: float) -> int:
    return round(at * 1_000_000_000)
