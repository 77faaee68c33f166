"""`offhook calls`: the newest calls as a table, all as CSV, or one call's timeline."""

import argparse
import json
import sys
from typing import Any
from urllib.parse import quote, urlencode

from gateway.commands.api_client import ApiClient
from gateway.commands.columns import date_and_time, in_columns
from gateway.commands.exits import Exit
from gateway.log import one_line

LIMIT = 50
"""Calls in a table, unless asked otherwise; CSV has all."""

_COLUMNS = ("CALL", "STATE", "OFFERED", "LENGTH", "CALLER", "NUMBER", "AGENT", "CAUSE")


def run(options: argparse.Namespace) -> int:
    client = ApiClient.of(options)
    if options.call_id:
        call = client.get(f"/api/v1/calls/{quote(options.call_id, safe='')}")
        print(json.dumps(call, indent=2) if options.json else describe(call))
        return Exit.OK
    query = _query(options)
    if options.csv:
        client.copy(f"/api/v1/calls.csv?{urlencode(query)}", sys.stdout.buffer)
        sys.stdout.flush()
        return Exit.OK
    query.setdefault("limit", str(LIMIT))
    found = client.get(f"/api/v1/calls?{urlencode(query)}")
    print(json.dumps(found, indent=2) if options.json else table(found.get("calls", [])))
    return Exit.OK


def _query(options: argparse.Namespace) -> dict[str, str]:
    names = ("limit", "since", "until", "number", "person", "outcome")
    query = {name: str(value) for name in names if (value := getattr(options, name))}
    if options.active:
        query["active"] = "true"
    return query


def table(calls: list[dict[str, Any]]) -> str:
    """Return the calls as columns for people."""
    if not calls:
        return "no calls"
    return in_columns(_COLUMNS, (_row(call) for call in calls))


def _row(call: dict[str, Any]) -> tuple[object, ...]:
    ended_ms = call.get("ended_ms")
    return (
        call.get("call_id"),
        call.get("state"),
        date_and_time(call.get("offered_at")),
        "" if ended_ms is None else _length(ended_ms),
        call.get("caller"),
        call.get("callee"),
        call.get("agent"),
        call.get("cause"),
    )


def describe(call: dict[str, Any]) -> str:
    """Return one call and its timeline for people."""
    facts = ("direction", "endpoint", "caller", "callee", "agent", "state", "cause", "detail")
    lines = [f"call {call.get('call_id')} in room {call.get('room_id', '-')}"]
    lines.append("  " + "  ".join(f"{name}: {call[name]}" for name in facts if call.get(name)))
    lines.append(f"  offered at {call.get('offered_at') or '-'}; below: milliseconds since then")
    for entry in call.get("timeline", []):
        said = f'"{entry["text"]}"' if entry.get("text") else ""
        details = " ".join(f"{name}={value}" for name, value in entry.get("facts", {}).items())
        lines.append(
            f"{entry['offset_ms']:>12,.1f}  {entry['kind']:<16}  {said}{'  ' if said else ''}{details}"
        )
    return "\n".join(one_line(line).rstrip() for line in lines)


def _length(milliseconds: float) -> str:
    seconds = round(milliseconds / 1000)
    return f"{seconds // 60}:{seconds % 60:02d}"
