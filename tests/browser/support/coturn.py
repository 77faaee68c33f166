"""Runs coturn with a shared secret, for calls that may use nothing but relays."""

import socket
import subprocess
import time
from pathlib import Path
from typing import Self

from tests.interop.support.gateway_peer import free_port

PROGRAM = "turnserver"
_UP_BOUND_S = 10.0
_STOP_BOUND_S = 5.0


class Coturn:
    """One server on one address; use as a context manager."""

    def __init__(self, directory: Path, host: str, *, secret: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.host = host
        self.port = free_port(kind=socket.SOCK_STREAM)
        self.secret_file = directory / "turn-secret"
        self.secret_file.write_text(secret)
        self.secret_file.chmod(0o600)
        self._secret = secret
        self._directory = directory
        self._log = directory / "coturn.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"turn:{self.host}:{self.port}?transport=udp"

    def __enter__(self) -> Self:
        command = [
            PROGRAM,
            "-n",
            f"--listening-ip={self.host}",
            f"--relay-ip={self.host}",
            f"--listening-port={self.port}",
            "--min-port=40000",
            "--max-port=40400",
            "--use-auth-secret",
            f"--static-auth-secret={self._secret}",
            "--realm=offhook.test",
            "--no-tls",
            "--no-dtls",
            "--no-cli",
            "--allow-loopback-peers",
            "--verbose",
            "--simple-log",
            "--log-file=stdout",
            f"--pidfile={self._directory / 'coturn.pid'}",
            f"--userdb={self._directory / 'coturn.db'}",
        ]
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._directory
            )
        deadline_s = time.monotonic() + _UP_BOUND_S
        while not self._listens():
            assert self._process.poll() is None, f"coturn did not start:\n{self.log()[-2000:]}"
            assert time.monotonic() < deadline_s, f"coturn does not listen:\n{self.log()[-2000:]}"
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_BOUND_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def allocations(self) -> int:
        """Return how many relays were handed out so far."""
        return self.log().count("ALLOCATE processed, success")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            return probe.connect_ex((self.host, self.port)) == 0
