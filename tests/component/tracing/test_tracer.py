"""Traces that reach a collector, by OTLP over HTTP, and what happens when it does not answer."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from gateway.config.tracing import TracingSection
from gateway.model.events import EndpointKind, Offered
from gateway.model.hangup import HangupCause
from gateway.model.messages import MessageStatus
from gateway.rooms.timeline import Entry, Kind
from gateway.rooms.watched_recorder import CallEnd
from gateway.store.message_records import MessageRecord
from gateway.tracing import tracer as tracer_module
from gateway.tracing.tracer import Tracer, build_tracer
from tests.support.messages import outbound


class Collector:
    """Keeps the spans that are posted to it."""

    def __init__(self) -> None:
        self.spans = []
        self.services: set[str] = set()
        self.hangs = threading.Event()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if collector.hangs.is_set():
                    time.sleep(8)
                request = ExportTraceServiceRequest.FromString(body)
                for resource in request.resource_spans:
                    for attribute in resource.resource.attributes:
                        if attribute.key == "service.name":
                            collector.services.add(attribute.value.string_value)
                    for scope in resource.scope_spans:
                        collector.spans += scope.spans
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/traces"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def named(self, name: str):
        return [span for span in self.spans if span.name == name]


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.server.shutdown()
    collector.server.server_close()


def take_call(tracer: Tracer, call_id: str = "c_1") -> None:
    offered = Offered(
        call_id=call_id,
        at_s=time.monotonic() - 5,
        endpoint=EndpointKind.SIP,
        caller="+4930123456",
        callee="100",
    )
    tracer.call_offered(offered, room_id="r_1", agent="desk")
    for kind, offset_ms, facts in (
        (Kind.ANSWERED, 40.0, {}),
        (Kind.GREETING_STARTED, 60.0, {"audio": "cached"}),
        (Kind.GREETING_PLAYED, 1060.0, {"interrupted": False}),
        (Kind.GATE_OPENED, 1180.0, {"reason": "greeting_played"}),
        (Kind.AGENT_EVENT, 3000.0, {"name": "turn", "response_ms": 700.0, "model_ms": 500.0}),
    ):
        tracer.appended(
            Entry(room_id="r_1", call_id=call_id, kind=kind, offset_ms=offset_ms, facts=facts)
        )
    tracer.call_ended(
        CallEnd(call_id=call_id, cause=HangupCause.WORKER_LOST, detail="", offset_ms=4000.0)
    )


def sent() -> MessageRecord:
    return MessageRecord(
        seq=1,
        message=outbound(1),
        status=MessageStatus.SENT,
        created_at=time.time() - 1,
        changed_at=time.time(),
        next_attempt_at=0.0,
        attempts=1,
        tries=1,
        provider="twilio",
        provider_id="SM1",
        error_code="",
        error_detail="",
    )


async def test_a_call_and_the_message_that_follows_are_one_trace(collector):
    tracer = build_tracer(TracingSection(otlp_url=collector.url, service_name="my offhook"))
    assert tracer is not None
    take_call(tracer)
    tracer.changed(sent())
    await tracer.close()
    await tracer.close()

    (call,) = collector.named("call")
    assert call.status.message == "worker_lost"
    assert (call.end_time_unix_nano - call.start_time_unix_nano) / 1e9 == pytest.approx(4.0)
    children = {span.name for span in collector.spans if span.parent_span_id == call.span_id}
    assert children == {"ring", "greeting", "gate", "turn", "message"}
    assert {span.trace_id for span in collector.spans} == {call.trace_id}
    (turn,) = collector.named("turn")
    (model,) = collector.named("llm")
    assert model.parent_span_id == turn.span_id
    assert collector.services == {"my offhook"}
    attributes = {a.key: a.value.string_value for a in call.attributes}
    assert attributes["offhook.call_id"] == "c_1"
    assert "4930123456" not in str(collector.spans)


async def test_a_collector_that_hangs_holds_up_neither_calls_nor_the_end(collector, monkeypatch):
    monkeypatch.setattr(tracer_module, "CLOSE_S", 0.3)
    collector.hangs.set()
    tracer = build_tracer(TracingSection(otlp_url=collector.url))
    assert tracer is not None
    began_s = time.monotonic()
    for number in range(20):
        take_call(tracer, f"c_{number}")
    assert time.monotonic() - began_s < 0.5
    await tracer.close()
    assert time.monotonic() - began_s < 3


async def test_more_traces_than_can_wait_are_dropped(monkeypatch):
    monkeypatch.setattr(tracer_module, "WAITING_MOST", 2)
    go_on = threading.Event()

    class Stuck:
        def export(self, plan, parent=None):
            go_on.wait(5)

        def close(self):
            """Nothing is open."""

    tracer = Tracer(Stuck())
    for number in range(5):
        take_call(tracer, f"c_{number}")
    assert tracer.dropped == 3
    go_on.set()
    await tracer.close()


async def test_a_fault_in_making_a_trace_hurts_nobody(caplog):
    class Broken:
        def export(self, plan, parent=None):
            raise RuntimeError("broken")

        def close(self):
            """Nothing is open."""

    tracer = Tracer(Broken())
    take_call(tracer)
    tracer.changed(sent())
    await tracer.close()

    assert "a trace could not be made" in caplog.messages


async def test_only_the_wanted_share_is_traced():
    plans = []

    class Kept:
        def export(self, plan, parent=None):
            plans.append(plan)

        def close(self):
            """Nothing is open."""

    chances = iter((0.1, 0.9))
    tracer = Tracer(Kept(), share=0.5, chance=lambda: next(chances))
    take_call(tracer, "c_1")
    take_call(tracer, "c_2")
    await tracer.close()
    assert [plan.attributes["offhook.call_id"] for plan in plans] == ["c_1"]
    assert not tracer._live


def test_without_a_collector_nothing_is_loaded():
    code = (
        "import sys; from gateway.tracing.tracer import build_tracer; "
        "from gateway.config.tracing import TracingSection; "
        "assert build_tracer(TracingSection()) is None; "
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
