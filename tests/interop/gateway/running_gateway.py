"""Runs `offhook serve` as an operator would, with a configuration of its own, and asks its HTTP API."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

from prometheus_client.parser import text_string_to_metric_families

from tests.interop.support.gateway_peer import free_port
from tests.load import processes

T = TypeVar("T")
READY_BOUND_S = 90.0
STOP_BOUND_S = 30.0
Record = dict[str, Any]
"""A call as `/api/v1/calls/{call_id}` tells it, with its timeline."""


def until(ask: Callable[[], T], bound_s: float, what: str) -> T:
    """Return the first true answer of `ask`; fails after `bound_s`, saying `what` did not come."""
    deadline_s = time.monotonic() + bound_s
    while not (answer := ask()):
        assert time.monotonic() < deadline_s, f"{what}: not within {bound_s} s"
        time.sleep(0.05)
    return answer


class RunningGateway:
    """One gateway process with its workers; use as a context manager.

    `settings` is the end of its configuration file; the others are added to their sections. With
    the same `directory` it is the same gateway again, started anew.
    """

    def __init__(
        self,
        directory: Path,
        cache: Path,
        settings: str,
        *,
        data_dir: Path | None = None,
        gateway: str = "",
        sip: str = "",
        speech: str = "workers = 1",
        http: str = "",
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.data_dir = data_dir or directory / "data"
        self.config_file = directory / "offhook.toml"
        self.sip_port = _free_sip_port()
        self.http_port = free_port(kind=socket.SOCK_STREAM)
        self.process: subprocess.Popen[bytes] | None = None
        self._log = directory / "gateway.log"
        self.config_file.write_text(
            f"""\
[gateway]
data_dir = {json.dumps(str(self.data_dir))}
cache_dir = {json.dumps(str(cache))}
log_format = "json"
{gateway}
[http]
port = {self.http_port}
{http}
[sip]
port = {self.sip_port}
{sip}
[speech]
{speech}
{_overload(settings)}
{settings}"""
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Return when calls are answered."""
        if self.process is not None:
            self.process.wait(STOP_BOUND_S)  # one that was killed
        command = [sys.executable, "-m", "gateway", "serve", "--config", str(self.config_file)]
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONASYNCIODEBUG"}
        with open(self._log, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )
        until(self._is_up, READY_BOUND_S, "the gateway's readiness")

    def _is_up(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the gateway did not start:\n{self.log()[-3000:]}"
        return self.is_ready()

    def stop(self) -> int:
        """End it in order, running calls at once; returns its exit status."""
        process = self.process
        assert process is not None
        if process.poll() is None:
            process.terminate()
            try:
                return process.wait(1)
            except subprocess.TimeoutExpired:
                process.terminate()  # the second ends calls that still go on
            try:
                return process.wait(STOP_BOUND_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise AssertionError(f"the gateway did not stop:\n{self.log()[-3000:]}") from None
        return process.wait()

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def troubles(self) -> list[str]:
        """Return what the log holds that no good run has: errors, and what is no log line at all."""
        return [
            line
            for line in self.log().splitlines()
            if re.search(r'"level": "(error|critical)"|Traceback|Fatal Python error', line)
        ]

    def pids(self, name: str) -> list[int]:
        """Return the worker processes of a kind, `telephony`, `webrtc` or `speech`."""
        assert self.process is not None
        return processes.family(self.process.pid).get(name, [])

    # Browser calls ----------------------------------------------------------------------------------

    def web_url(self, agent: str = "") -> str:
        """Return where to post offers, to an agent or to the one called by default."""
        query = f"?agent={agent}" if agent else ""
        return f"http://127.0.0.1:{self.http_port}/webrtc/calls{query}"

    def mint(self, agent: str, subject: str, **wanted: object) -> str:
        """Return a token of the gateway's API; the caller in its records is `web:` and the subject."""
        body = json.dumps({"agent": agent, "subject": subject, **wanted}).encode()
        token = (self.data_dir / "api-token").read_text().strip()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}/api/v1/webrtc/tokens",
            data=body,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            minted: str = json.load(answer)["token"]
            return minted

    # HTTP -------------------------------------------------------------------------------------------

    def get(self, path: str, *, method: str = "GET") -> tuple[int, Any]:
        """Return status and body (parsed, if it is JSON); raises `OSError` if nobody answers."""
        token_file = self.data_dir / "api-token"
        token = token_file.read_text().strip() if token_file.exists() else ""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}{path}",
            headers={"Authorization": f"Bearer {token}"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                status, body = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                status, body = error.code, error.read().decode()
        return status, json.loads(body) if body.startswith(("{", "[")) else body

    def is_ready(self) -> bool:
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def failing(self) -> list[str]:
        """Return the names of the checks of `/readyz` that fail."""
        failed: list[str] = self.get("/readyz")[1]["failed"]
        return failed

    def metric(self, name: str, **labels: str) -> float:
        """Return a metric's value, summed over the labels that are not given."""
        return sum(
            sample.value
            for family in text_string_to_metric_families(self.get("/metrics")[1])
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def calls(self) -> list[Record]:
        """Return the newest calls, newest first, without timelines."""
        status, body = self.get("/api/v1/calls?limit=200")
        assert status == 200, body
        found: list[Record] = body["calls"]
        return found

    def record(self, call_id: str) -> Record:
        status, body = self.get(f"/api/v1/calls/{call_id}")
        assert status == 200, body
        found: Record = body
        return found

    def call_of(self, caller: str, bound_s: float = 5) -> Record:
        """Return the one call of a caller as it stands, as soon as it is known."""

        def newest() -> Record | None:
            found = [call for call in self.calls() if call.get("caller") == caller]
            return self.record(found[0]["call_id"]) if found else None

        found = until(newest, bound_s, f"a call of {caller}")
        assert found is not None
        return found

    def wait_for(self, caller: str, kind: str, bound_s: float = 10, **facts: object) -> Record:
        """Return the caller's call once its timeline has an entry of `kind` with these facts."""

        def told() -> Record | None:
            record = self.call_of(caller)
            return record if entries(record, kind, **facts) else None

        try:
            found = until(told, bound_s, f"{kind} {facts} of {caller}")
        except AssertionError as error:
            raise AssertionError(f"{error}; the call is {tell(self.call_of(caller))}") from None
        assert found is not None
        return found

    def wait_for_words(self, caller: str, text: str, bound_s: float = 15) -> Record:
        """Return the caller's call once the agent has been heard to say `text` (greeting left out)."""
        deadline_s = time.monotonic() + bound_s
        while text not in said(record := self.call_of(caller), "agent_said"):
            assert time.monotonic() < deadline_s, f"never said {text!r}: {tell(record)}"
            time.sleep(0.05)
        return record

    def wait_until_ended(self, caller: str, bound_s: float = 10) -> Record:
        """Return the caller's call once its record is closed."""

        def ended() -> Record | None:
            record = self.call_of(caller)
            return record if record["cause"] else None

        found = until(ended, bound_s, f"the end of the call of {caller}")
        assert found is not None
        return found


def _overload(settings: str) -> str:
    """A busy machine must not refuse the calls of tests that are about something else."""
    return "" if "[overload]" in settings else "[overload]\nenabled = false"


def _free_sip_port() -> int:
    """Return a port that is free for UDP and TCP."""
    while True:
        port = free_port()
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def entries(record: Record, kind: str, **facts: object) -> list[Record]:
    """Return the entries of a kind that have all these facts."""
    return [
        line
        for line in record["timeline"]
        if line["kind"] == kind and facts.items() <= line["facts"].items()
    ]


def kinds(record: Record) -> list[str]:
    return [line["kind"] for line in record["timeline"]]


def call_kinds(record: Record) -> list[str]:
    """Return what happened on the line; what the fallback decided comes after its end."""
    return [kind for kind in kinds(record) if kind != "fallback"]


def said(record: Record, kind: str) -> str:
    """Return all words of a kind (`user_said`, `agent_said`), greeting left out, in lower case."""
    return " ".join(
        line["text"].lower() for line in entries(record, kind) if not line["facts"].get("greeting")
    )


def tell(record: Record) -> str:
    """Return a record for a failure's message."""
    lines = [
        f"{line['offset_ms']:9.1f} {line['kind']:16} {line['text']} {line['facts']}"
        for line in record["timeline"]
    ]
    return "\n".join([f"{record['state']} {record['cause']} {record['detail']}", *lines])
