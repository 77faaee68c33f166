"""`offhook call`: has the running gateway place a call, and follows it to its end."""

import argparse
import json
import time
from typing import Any
from urllib.parse import quote

from gateway.commands.api_client import ApiClient
from gateway.commands.calls import describe
from gateway.commands.exits import Exit
from gateway.log import one_line

POLL_S = 0.5
GOOD = frozenset(
    {"agent_hung_up", "caller_hung_up", "operator_hung_up", "max_duration", "no_input"}
)
"""Ends of a call that was answered."""


def run(options: argparse.Namespace) -> int:
    wanted = {
        "to": options.number,
        "from": options.caller,
        "agent": options.agent,
        "trunk": options.trunk,
        "greeting": options.greeting,
        "purpose": options.purpose,
        "idempotency_key": options.key,
    }
    client = ApiClient.of(options)
    body = {key: value for key, value in wanted.items() if value}
    placed = client.post("/api/v1/calls", body)
    if options.no_wait:
        print(json.dumps(placed, indent=2) if options.json else placed["call_id"])
        return Exit.OK
    if not options.json:
        print(f"call {placed['call_id']} to {placed.get('to', options.number)}")
    call = _follow(client, placed["call_id"], is_quiet=options.json)
    print(json.dumps(call, indent=2) if options.json else _last_line(call))
    answered = call.get("answered_ms") is not None
    return Exit.OK if answered and call.get("cause") in GOOD else Exit.FAILED


def _follow(client: ApiClient, call_id: str, *, is_quiet: bool) -> dict[str, Any]:
    """Return the call once it has ended; print what happens meanwhile. Ctrl-C ends the call."""
    path = f"/api/v1/calls/{quote(call_id, safe='')}"
    state, told = "", 0
    try:
        while True:
            call = client.get(path)
            if not is_quiet:
                if call["state"] != state:
                    state = call["state"]
                    print(f"  {state}", flush=True)
                told = _print_words(call, told)
            if call["state"] == "ended":
                return call
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        client.post(f"{path}/hangup")
        raise


def _print_words(call: dict[str, Any], told: int) -> int:
    """Print the spoken lines that are new; returns the last line's number."""
    for line in call.get("timeline", []):
        if line["seq"] > told and line.get("text"):
            who = "they" if line.get("role") == "user" else "we"
            print(one_line(f'  {who}: "{line["text"]}"'), flush=True)
    return max((line["seq"] for line in call.get("timeline", [])), default=told)


def _last_line(call: dict[str, Any]) -> str:
    return describe({**call, "timeline": []}).splitlines()[1].strip()
