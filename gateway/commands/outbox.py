"""`offhook outbox`: messages and dead letters as a table, one with its attempts, or one sent again."""

import argparse
import json
from typing import Any
from urllib.parse import quote, urlencode

from gateway.commands.api_client import ApiClient
from gateway.commands.columns import date_and_time, in_columns
from gateway.commands.exits import CommandFailed, Exit
from gateway.log import one_line

_COLUMNS = ("MESSAGE", "STATUS", "ACCEPTED", "CHANNEL", "TO", "ERROR", "TEXT")


def run(options: argparse.Namespace) -> int:
    if options.replay and not options.message_id:
        raise CommandFailed("--replay needs the ID of a message", Exit.USAGE)
    client = ApiClient.of(options)
    if options.message_id:
        path = f"/api/v1/outbox/{quote(options.message_id, safe='')}"
        found = client.post(f"{path}/replay") if options.replay else client.get(path)
        print(json.dumps(found, indent=2) if options.json else describe(found))
        return Exit.OK
    query = {"limit": options.limit} | ({"status": "dead_letters"} if options.dead else {})
    found = client.get(f"/api/v1/outbox?{urlencode(query)}")
    print(json.dumps(found, indent=2) if options.json else table(found))
    return Exit.OK


def table(found: dict[str, Any]) -> str:
    """Return messages as columns for people, and how many there are of each status."""
    messages = found.get("messages", [])
    counts = found.get("counts", {})
    sums = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
    if not messages:
        return "no messages" + (f" ({sums})" if sums else "")
    rows = [
        (
            message.get("message_id"),
            message.get("status"),
            date_and_time(message.get("created_at")),
            message.get("channel"),
            message.get("recipient"),
            message.get("error_code"),
            message.get("text"),
        )
        for message in messages
    ]
    return f"{in_columns(_COLUMNS, rows)}\n{sums}"


def describe(message: dict[str, Any]) -> str:
    """Return one message and its attempts for people."""
    facts = ("channel", "sender", "recipient", "provider", "provider_id", "cause")
    reason = " ".join(filter(None, (message.get("error_code"), message.get("error_detail"))))
    lines = [
        f"message {message.get('message_id')} in room {message.get('room_id', '-')}: "
        f"{message.get('status')}{f' ({reason})' if reason else ''}",
        "  " + "  ".join(f"{name}: {message[name]}" for name in facts if message.get(name)),
        f'  "{message.get("text", "")}"',
    ]
    for attempt in message.get("attempts", []):
        why = " ".join(filter(None, (attempt.get("error_code"), attempt.get("error_detail"))))
        lines.append(
            f"  attempt {attempt.get('number')} at {date_and_time(attempt.get('started_at'))} "
            f"by {attempt.get('provider')}: {attempt.get('outcome') or 'no answer yet'}"
            f"{f' ({why})' if why else ''}"
        )
    return "\n".join(one_line(line).rstrip() for line in lines)
