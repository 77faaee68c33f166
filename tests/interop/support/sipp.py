"""Runs SIPp scenarios as the far end of calls, and keeps what they logged."""

import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.interop.support.gateway_peer import free_port

SCENARIOS = Path(__file__).parents[1] / "sip" / "scenarios"


@dataclass
class Sipp:
    """One run of SIPp. `wait` or `stop` must be called."""

    process: subprocess.Popen[bytes]
    directory: Path
    port: int
    name: str
    keys: Mapping[str, str] = field(default_factory=dict)

    def wait(self, timeout_s: float = 30) -> int:
        """Return SIPp's exit status: 0 when every call went as the scenario says."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.stop()
            raise AssertionError(f"sipp {self.name} did not end; {self.log()}") from None

    def expect_success(self, timeout_s: float = 30) -> None:
        status = self.wait(timeout_s)
        assert status == 0, f"sipp {self.name} ended with {status}\n{self.log()}"

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def messages(self) -> str:
        """Return the SIP messages sent and received."""
        return "\n".join(path.read_text() for path in self.directory.glob("*messages*"))

    def log(self) -> str:
        """Return what explains a failure."""
        parts = [self.messages()[-4000:]]
        parts += [path.read_text()[-2000:] for path in self.directory.glob("*errors*")]
        parts.append((self.directory / f"{self.name}.out").read_text(errors="replace")[-500:])
        return "\n".join(parts)


def start_sipp(
    scenario: str,
    target_port: int,
    directory: Path,
    *,
    calls: int = 1,
    rate: float = 10,
    limit: int | None = None,
    transport: str = "u1",
    source: str = "127.0.0.1",
    port: int = 0,
    service: str = "1000",
    keys: Mapping[str, str] | None = None,
    status: int | None = None,
    options: tuple[str, ...] = (),
) -> Sipp:
    """Start a scenario of `sip/scenarios` towards a worker on 127.0.0.1.

    `port` is our own (0: a free one). `status` stands for `[status]` in it, where SIPp takes no key.
    """
    directory.mkdir(parents=True, exist_ok=True)
    port = port or free_port(source)
    script = SCENARIOS / f"{scenario}.xml"
    if status is not None:
        text = script.read_text().replace("[status]", str(status))
        script = directory / script.name
        script.write_text(text)
    command = ["sipp", f"127.0.0.1:{target_port}", "-sf", str(script)]
    command += ["-m", str(calls), "-r", str(rate), "-l", str(limit or calls), "-t", transport]
    command += ["-i", source, "-p", str(port), "-s", service, "-nostdin", "-trace_msg"]
    command += ["-trace_err", "-message_file", f"{scenario}_messages.log"]
    command += ["-error_file", f"{scenario}_errors.log", "-timeout_error"]
    for name, value in (keys or {}).items():
        command += ["-key", name, value]
    command += options
    with open(directory / f"{scenario}.out", "wb") as output:
        process = subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TERM": "dumb"},
        )
    return Sipp(process, directory, port, scenario, keys or {})


def settle(seconds: float) -> None:
    """Let real time pass, for tests that prove that nothing happens."""
    time.sleep(seconds)
