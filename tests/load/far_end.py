"""The callers: runs SIPp scenarios with sound, one process per scenario, each ended by its own handle."""

import csv
import os
import random
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.load import processes
from tests.load.gateway_process import free_port
from tests.load.sounds import CALLER_FILE

SCENARIOS = Path(__file__).parent / "scenarios"
_PORTS_PER_CALL = 4


class Ports:
    """Hands out ranges of media ports that no other run of SIPp uses; above those of the gateway."""

    FIRST, LAST = 21_000, 32_000

    def __init__(self) -> None:
        # Not always the same, for the sake of a second run beside this one.
        self._next = random.randrange(self.FIRST, self.LAST, 1_000)

    def take(self, count: int) -> int:
        """Return the first port of a range of so many."""
        if self._next + count > self.LAST:
            self._next = self.FIRST
        first = self._next
        self._next += count
        return first


_ports = Ports()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the calls of one run went, as SIPp counts them."""

    succeeded: int
    failed: int
    ended: bool
    """False when the run had to be ended by force."""
    trouble: str = ""
    """What SIPp said of calls that failed."""


class Callers:
    """One run of SIPp. `wait` or `stop` must be called."""

    def __init__(
        self,
        scenario: str,
        directory: Path,
        sip_port: int,
        number: str,
        *,
        calls: int,
        rate: float,
        hold_s: float = 0,
        sound: bytes,
    ) -> None:
        directory.mkdir(parents=True)
        (directory / CALLER_FILE).write_bytes(sound)
        self._statistics = directory / "statistics.csv"
        self._errors = directory / "errors.log"
        self._output = directory / "sipp.out"
        first = _ports.take(_PORTS_PER_CALL * calls)
        command = ["sipp", f"127.0.0.1:{sip_port}", "-sf", str(SCENARIOS / f"{scenario}.xml")]
        # Rates below one a second are written as calls per longer period.
        command += ["-s", number, "-m", str(calls), "-l", str(calls)]
        command += ["-r", str(max(1, round(rate * 10))), "-rp", "10000"]
        command += ["-d", str(round(hold_s * 1000)), "-i", "127.0.0.1", "-nostdin"]
        # Not 5060, where somebody may be listening; the second port is for SIPp's echo sockets.
        command += ["-p", str(free_port(socket.SOCK_DGRAM)), "-mp", str(first)]
        command += ["-trace_stat", "-stf", str(self._statistics), "-fd", "1"]
        command += ["-trace_err", "-error_file", str(self._errors)]
        with open(self._output, "wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "TERM": "dumb"},
            )

    def cpu_s(self) -> float:
        """Return the processor time SIPp has used; 0 once it has ended."""
        try:
            return processes.usage(self._process.pid).cpu_s
        except OSError:
            return 0.0

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def wait(self, bound_s: float) -> Outcome:
        """Wait for the end of all calls; ends SIPp by force after the bound."""
        try:
            self._process.wait(bound_s)
            ended = True
        except subprocess.TimeoutExpired:
            ended = False
            self.stop()
        succeeded, failed = self._counts()
        if ended and not failed and self._process.returncode == 0:
            return Outcome(succeeded, failed, ended)
        return Outcome(succeeded, failed, ended, self._trouble())

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _trouble(self) -> str:
        for path in (self._errors, self._output):
            if path.exists() and (text := path.read_text(errors="replace").strip()):
                return text[:1000]
        return f"exit status {self._process.returncode}"

    def _counts(self) -> tuple[int, int]:
        try:
            with open(self._statistics, newline="") as file:
                rows = list(csv.DictReader(file, delimiter=";"))
        except OSError:
            return 0, 0
        if not rows:
            return 0, 0
        return int(rows[-1]["SuccessfulCall(C)"]), int(rows[-1]["FailedCall(C)"])


def wait_all(runs: list[Callers], bound_s: float) -> Outcome:
    """Wait for several runs under one bound; returns their sum."""
    deadline_s = time.monotonic() + bound_s
    outcomes = [run.wait(max(0.1, deadline_s - time.monotonic())) for run in runs]
    return Outcome(
        sum(item.succeeded for item in outcomes),
        sum(item.failed for item in outcomes),
        all(item.ended for item in outcomes),
        "\n".join(item.trouble for item in outcomes if item.trouble),
    )
