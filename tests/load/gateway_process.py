"""Runs the gateway under test, as `offhook serve` with a configuration of its own, and reads its figures."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from gateway.store.sqlite import DATABASE_FILE
from tests.load import processes
from tests.load.processes import Usage

READY_BOUND_S = 90.0
STOP_BOUND_S = 45.0
MAX_CALLS = 250
MEDIA_TIMEOUT_S = 5
"""Short, so that callers who vanish are noticed within the run."""

LONG, DESK, ECHO = "long", "desk", "echo"
"""Numbers to dial: a greeting as long as a file, the receptionist, the echo agent."""

ANSWER = (
    "We are open from Monday to Friday, from nine in the morning until five in the afternoon, and "
    "on the first Saturday of each month from ten until one, except in July and in August."
)
"""Long enough to be interrupted."""

_CONFIG = """\
[gateway]
data_dir = {data_dir}
log_format = "json"
[http]
port = {http_port}
[sip]
port = {sip_port}
max_calls = {max_calls}
media_timeout_s = {media_timeout_s}
[webrtc]
calls_per_minute = 6000
[greeting]
gate_deadline_s = 200
[agents.desk]
kind = "receptionist"
[[agents.desk.faq]]
questions = ["When are you open?", "What are your opening hours?"]
answer = {answer}
[[agents.desk.faq]]
questions = ["Where are you?", "What is your address?"]
answer = "You can find our address on our web site."
[agents.long]
kind = "receptionist"
greeting_file = {greeting_file}
early_speech = "drop"
[agents.echo]
kind = "echo"
[[numbers]]
number = "long"
agent = "long"
[[numbers]]
number = "echo"
agent = "echo"
[[numbers]]
number = "*"
agent = "desk"
"""


@dataclass(frozen=True, slots=True)
class Page:
    """What `/metrics` told at one moment."""

    values: dict[tuple[str, str], float]
    """(sample name, `label=value,…`) → value."""

    def total(self, name: str) -> float:
        """Return the sum of a metric over its labels."""
        return sum(value for (found, _), value in self.values.items() if found == name)

    def buckets(self, name: str) -> dict[float, float]:
        """Return a histogram's cumulated counts by upper bound in seconds."""
        return {
            float(labels.removeprefix("le=")): value
            for (found, labels), value in self.values.items()
            if found == f"{name}_bucket"
        }


class GatewayProcess:
    """One gateway, from start to end. `start` raises `RuntimeError` with the end of its log."""

    def __init__(self, directory: Path, greeting_file: Path) -> None:
        self._log = directory / "gateway.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.sip_port = free_port(socket.SOCK_DGRAM)
        self._http_port = free_port(socket.SOCK_STREAM)
        self.database = directory / "data" / DATABASE_FILE
        self._config = directory / "offhook.toml"
        self._config.write_text(
            _CONFIG.format(
                data_dir=json.dumps(str(directory / "data")),
                http_port=self._http_port,
                sip_port=self.sip_port,
                max_calls=MAX_CALLS,
                media_timeout_s=MEDIA_TIMEOUT_S,
                greeting_file=json.dumps(str(greeting_file)),
                answer=json.dumps(ANSWER),
            )
        )

    def web_url(self, agent: str) -> str:
        """Return where to post offers to an agent."""
        return f"http://127.0.0.1:{self._http_port}/webrtc/calls?agent={agent}"

    def start(self) -> None:
        """Return when calls are answered."""
        command = [sys.executable, "-m", "gateway", "serve", "--config", str(self._config)]
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        deadline_s = time.monotonic() + READY_BOUND_S
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                self.stop()
                raise RuntimeError(f"the gateway did not start:\n{self.log_end()}")
            time.sleep(0.2)

    def stop(self) -> int:
        """End it in order, or by force after a bound; returns its exit status."""
        process = self._process
        if process is None:
            return 0
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_BOUND_S)
            except subprocess.TimeoutExpired:
                process.kill()
        return process.wait()

    def log_end(self) -> str:
        return self._log.read_text(errors="replace")[-3000:]

    def errors(self) -> list[str]:
        """Return the errors the gateway has logged, and what is no log line at all."""
        return [
            line
            for line in self._log.read_text(errors="replace").splitlines()
            if not line.startswith("{") or '"level": "error"' in line or '"critical"' in line
        ]

    def processes(self) -> dict[str, list[int]]:
        assert self._process is not None
        return processes.family(self._process.pid)

    def usage(self) -> dict[str, Usage]:
        return processes.measure(self.processes())

    def page(self) -> Page:
        """Return the present metrics; raises `OSError`."""
        text = self._get("/metrics")
        return Page(
            {
                (
                    sample.name,
                    ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items())),
                ): sample.value
                for metric in text_string_to_metric_families(text)
                for sample in metric.samples
            }
        )

    def ask(self, path: str) -> int:
        """Ask with the API's token; returns the status. Raises `OSError` if nobody answers."""
        token = (self.database.parent / "api-token").read_text().strip()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._http_port}{path}",
            headers={"Authorization": f"Bearer {token}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                answer.read()
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def active_calls(self) -> int:
        return int(self.page().total("offhook_calls_active"))

    def wait_for_calls(self, count: int, bound_s: float) -> bool:
        """Wait until exactly `count` calls go on; whether they did within the bound."""
        deadline_s = time.monotonic() + bound_s
        while self.active_calls() != count:
            if time.monotonic() > deadline_s:
                return False
            time.sleep(0.1)
        return True

    def _is_ready(self) -> bool:
        try:
            self._get("/readyz")
        except OSError:
            return False
        return True

    def _get(self, path: str) -> str:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self._http_port}{path}", timeout=5
        ) as answer:
            body: bytes = answer.read()
        return body.decode()


def free_port(kind: int) -> int:
    """Return a port on 127.0.0.1 that nobody uses now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
