"""Runs the programs of the build with their output in one log, and says how far the build is."""

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

_TAIL_LINES = 15
"""Lines of the log shown with a failure: enough for a compiler's message."""


class BuildFailed(Exception):
    """A step of the build failed; the message says which, and what to do where we know it."""


class Runner:
    """One build: its log, its clock and the number of its step."""

    def __init__(self, log: Path, steps: int) -> None:
        self._log = log
        self._steps = steps
        self._step = 0
        self._began_s = time.monotonic()

    def tell(self, what: str) -> None:
        """Begin a step: one line with its number and the time that has passed."""
        self._step += 1
        print(f"pjsua2 [{self._step}/{self._steps}] {self._passed_s():4.0f} s  {what}", flush=True)

    def tell_end(self, what: str) -> None:
        """Say that all steps are done."""
        print(f"pjsua2 [done] {self._passed_s():4.0f} s  {what}", flush=True)

    def run(self, *command: str, cwd: Path, env: Mapping[str, str] | None = None) -> None:
        """Run a program to its end, with `env` added to the environment. Raises `BuildFailed`."""
        with self._log.open("ab") as log:
            log.write(f"\n$ {' '.join(command)}\n".encode())
            log.flush()
            began_at = log.tell()
            try:
                done = subprocess.run(
                    command,
                    cwd=cwd,
                    env={**os.environ, **(env or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    check=False,
                )
            except OSError as error:
                raise BuildFailed(f"{command[0]} cannot be started: {error.strerror}") from error
        if done.returncode:
            raise BuildFailed(
                f"`{' '.join(command[:2])}` ended with status {done.returncode}; "
                f"the end of its output:\n{self._tail(began_at)}\n(all of it: {self._log})"
            )

    def _passed_s(self) -> float:
        return time.monotonic() - self._began_s

    def _tail(self, began_at: int) -> str:
        with self._log.open("rb") as log:
            log.seek(began_at)
            lines = log.read().decode(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-_TAIL_LINES:])
