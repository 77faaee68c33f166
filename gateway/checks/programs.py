"""Asks our own modules about themselves, in a process of their own: a broken native library takes only that along."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

TIMEOUT_S = 60.0


class NoAnswer(Exception):
    """The module could not be run, or told nothing that can be read."""


def ask(module: str, *arguments: str) -> dict[str, Any]:
    """Run `python -m module arguments` and return the JSON object it prints. Raises `NoAnswer`."""
    argv: Sequence[str] = [sys.executable, "-m", module, *arguments]
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoAnswer(str(error)) from error
    # The last line: libraries like to greet first.
    last = (done.stdout.strip().splitlines() or [""])[-1]
    try:
        answer = json.loads(last)
    except ValueError as error:
        complaint = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise NoAnswer(complaint[:300]) from error
    if not isinstance(answer, dict):
        raise NoAnswer(f"it printed {last[:80]!r}")
    return answer
