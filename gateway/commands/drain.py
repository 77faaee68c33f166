"""`offhook drain`: empties the gateway of calls; it goes on running, without new ones, until it is stopped."""

import argparse
import time
from contextlib import suppress
from typing import Any

from gateway.commands.api_client import ApiClient
from gateway.commands.exits import CommandFailed, Exit

LOOK_EVERY_S = 0.5


def run(options: argparse.Namespace) -> int:
    client = ApiClient.of(options)
    body = None if options.deadline is None else {"deadline_s": options.deadline}
    report = client.post("/api/v1/drain", body)
    shown = None
    while True:
        if (standing := (report.get("state"), report.get("calls"))) != shown:
            shown = standing
            _show(told(report))
        if not options.wait or report.get("state") == "drained":
            return Exit.OK
        time.sleep(LOOK_EVERY_S)
        try:
            report = client.get("/api/v1/drain")
        except CommandFailed as error:
            if error.code is not Exit.UNREACHABLE:
                raise
            # Somebody has stopped it meanwhile; then there are no calls either.
            _show("stopped")
            return Exit.OK


def _show(line: str) -> None:
    # An upgrade waits for us: that its terminal is gone must not end the wait, and cut the calls.
    with suppress(OSError):
        print(line, flush=True)


def told(report: dict[str, Any]) -> str:
    """Return a drain's report for people."""
    calls, left_s = report.get("calls", 0), report.get("deadline_in_s", 0)
    line = f"{report.get('state')}: {calls} call{'' if calls == 1 else 's'}"
    return f"{line}, goodbyes in {left_s:.0f} s" if calls and left_s else line
