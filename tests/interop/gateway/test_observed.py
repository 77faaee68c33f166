"""One real call as its operator sees it: metrics, log, detail record, event webhooks, trace, Opus recording."""

import base64
import csv
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import soundfile
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from standardwebhooks.webhooks import Webhook

from tests.interop.gateway.conftest import ASK_HOURS, SETTINGS, Call, StartGateway, Words
from tests.interop.gateway.running_gateway import RunningGateway, until

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
OF_THE_DESIGN = (
    "offhook_calls_total",
    "offhook_answer_to_greeting_seconds_count",
    "offhook_greeting_gate_seconds_count",
    "offhook_turn_response_seconds_count",
    "offhook_media_tick_lateness_seconds_count",
    "offhook_media_tick_interval_seconds_count",
    "offhook_loop_lag_seconds_count",
    "offhook_part_ready",
    "offhook_speech_workers",
    "offhook_recordings_total",
)


class Outside:
    """The operator's program and collector: keeps events and spans."""

    def __init__(self) -> None:
        self.events: list[dict] = []
        self.spans: list = []
        outside = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/events":
                    Webhook(SECRET).verify(body, dict(self.headers.items()))
                    outside.events.append(json.loads(body))
                else:
                    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                        for scope in resource.scope_spans:
                            outside.spans += scope.spans
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def types(self) -> list[str]:
        return sorted(event["type"] for event in self.events)


@pytest.fixture
def outside() -> Iterator[Outside]:
    found = Outside()
    yield found
    found.server.shutdown()
    found.server.server_close()


def settings(outside: Outside, folder: Path) -> str:
    (folder / "secret").write_text(SECRET)
    recorded = SETTINGS.replace(
        'number = "desk"\nagent = "desk"', 'number = "desk"\nagent = "desk"\nrecording = "announce"'
    )
    return f"""
{recorded}
[recording]
format = "opus"
pause_key = "*"
[event_webhooks.crm]
url = "{outside.url}/events"
secret_file = "{folder / "secret"}"
[tracing]
otlp_url = "{outside.url}/v1/traces"
"""


def test_a_call_is_seen_from_every_side(
    own_gateway: StartGateway, call: Call, words: Words, outside: Outside, tmp_path: Path
) -> None:
    gateway = own_gateway(settings(outside, tmp_path))
    caller = call(gateway)
    gateway.wait_for(caller.number, "gate_opened", reason="greeting_played")
    assert gateway.metric("offhook_calls_active") == 1
    assert gateway.metric("offhook_recordings_active") == 1
    caller.say(words(ASK_HOURS))
    record = gateway.wait_for_words(caller.number, "nine to five")
    call_id = record["call_id"]
    caller.media.press(10)  # *
    gateway.wait_for(caller.number, "recording", state="paused")
    caller.media.press(4)
    gateway.wait_for(caller.number, "dtmf", digit="")
    caller.media.press(10)
    gateway.wait_for(caller.number, "recording", state="resumed")
    gateway.get(f"/api/v1/calls/{call_id}/hangup", method="POST")
    caller.expect_success()
    gateway.wait_until_ended(caller.number)

    for name in OF_THE_DESIGN:
        assert gateway.metric(name) > 0, name
    assert gateway.metric("offhook_calls_active") == 0
    assert gateway.metric("offhook_calls_total", outcome="operator_hung_up") == 1

    until(lambda: len(outside.events) == 2, 10, "both events")
    assert outside.types() == ["call.ended", "call.started"]
    (ended,) = [event["data"] for event in outside.events if event["type"] == "call.ended"]
    assert (ended["call_id"], ended["cause"]) == (call_id, "operator_hung_up")
    assert ended["talk_s"] > 2

    rows = list(csv.DictReader(io.StringIO(gateway.get("/api/v1/calls.csv?outcome=normal")[1])))
    assert rows == [{name: _cell(value) for name, value in ended.items()}]

    until(lambda: any(span.name == "call" for span in outside.spans), 10, "the trace")
    names = {span.name for span in outside.spans}
    assert {"call", "ring", "greeting", "gate", "turn", "endpointing", "stt", "llm", "tts"} <= names
    assert len({span.trace_id for span in outside.spans}) == 1

    file = gateway.data_dir / "recordings" / f"{call_id}.opus"
    until(file.exists, 5, "the recording")
    samples, _ = soundfile.read(file)
    assert len(samples) / 16_000 == pytest.approx(_recorded_s(gateway, call_id), abs=0.1)

    logged = [json.loads(line) for line in gateway.log().splitlines()]
    told = [line["message"] for line in logged if line.get("call_id") == call_id]
    assert {"call offered", "call answered", "greeting gate opened", "call ended"} <= set(told)
    assert caller.number.lstrip("+") not in gateway.log()


def _recorded_s(gateway: RunningGateway, call_id: str) -> float:
    lines = gateway.get(f"/api/v1/calls/{call_id}")[1]["timeline"]
    at_ms = {
        line["facts"]["state"]: line["offset_ms"] for line in lines if line["kind"] == "recording"
    }
    return float(at_ms["stopped"] - at_ms["started"]) / 1000


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)
