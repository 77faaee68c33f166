"""`offhook rooms`: conversations as a table, one with its timeline, or a line said in one."""

import argparse
import json
from typing import Any
from urllib.parse import quote, urlencode

from gateway.commands.api_client import ApiClient
from gateway.commands.columns import date_and_time, in_columns
from gateway.commands.exits import Exit
from gateway.log import one_line

_COLUMNS = ("ROOM", "LAST", "PERSON", "NUMBER", "LINES", "CALL", "WHAT")
PAGE = 1000
LINES_MOST = 20_000
_WHO = {"user": "person", "agent": "agent"}
_SAID = frozenset(
    {"user_said", "agent_said", "message_received", "message_written", "text_greeting"}
)


def run_list(options: argparse.Namespace) -> int:
    query = {"limit": options.limit}
    if options.address:
        query["address"] = options.address
    found = ApiClient.of(options).get(f"/api/v1/rooms?{urlencode(query)}")
    print(json.dumps(found, indent=2) if options.json else table(found.get("rooms", [])))
    return Exit.OK


def run_show(options: argparse.Namespace) -> int:
    client = ApiClient.of(options)
    path = f"/api/v1/rooms/{quote(options.room_id, safe='')}"
    room = client.get(path)
    room["timeline"] = _timeline(client, path)
    if options.json:
        print(json.dumps(room, indent=2))
    else:
        print(describe(room, everything=options.all))
    return Exit.OK


def run_say(options: argparse.Namespace) -> int:
    path = f"/api/v1/rooms/{quote(options.room_id, safe='')}/messages"
    body = {"text": options.text} | ({"channel": options.channel} if options.channel else {})
    done = ApiClient.of(options).post(path, body)
    if options.json:
        print(json.dumps(done, indent=2))
    elif done.get("delivery") == "spoken":
        print(f"spoken in call {done.get('call_id')}")
    else:
        print(f"written: {' '.join(done.get('message_ids', []))}")
    return Exit.OK


def _timeline(client: ApiClient, path: str) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None and len(lines) < LINES_MOST:
        page = client.get(f"{path}/timeline?after={after}&limit={PAGE}")
        lines += page.get("timeline", [])
        after = page.get("next_after")
    return lines


def table(rooms: list[dict[str, Any]]) -> str:
    """Return the rooms as columns for people."""
    if not rooms:
        return "no rooms"
    rows = (
        (
            room.get("room_id"),
            date_and_time(room.get("last_at")),
            room.get("person"),
            room.get("number"),
            room.get("lines"),
            "now" if room.get("live_calls") else "",
            room.get("last_text") or room.get("last_kind"),
        )
        for room in rooms
    )
    return in_columns(_COLUMNS, rows)


def describe(room: dict[str, Any], *, everything: bool = False) -> str:
    """Return one room for people: what was said and written, and what was decided; `everything`: every event."""
    lines = [
        f"room {room.get('room_id')}: {room.get('person')} at {room.get('number') or '-'}",
    ]
    others = [key for key in room.get("addresses", []) if key != room.get("person")]
    if others:
        lines.append(f"  also known as {', '.join(others)}")
    if room.get("opted_out"):
        lines.append("  wants no messages")
    if room.get("live_calls"):
        lines.append(f"  in call {', '.join(room['live_calls'])}")
    for entry in room.get("timeline", []):
        told = _entry(entry, everything)
        if told:
            lines.append(f"{date_and_time(entry.get('at')):<19}  {told}")
    return "\n".join(one_line(line).rstrip() for line in lines)


def _entry(entry: dict[str, Any], everything: bool) -> str:
    kind, facts = str(entry.get("kind")), entry.get("facts", {})
    if kind in _SAID:
        who = str(facts.get("by") or facts.get("agent") or _WHO.get(str(entry.get("role")), "?"))
        if entry.get("role") == "user":
            who = "person"
        how = str(facts.get("channel", "") or "voice")
        cut = " [cut off]" if facts.get("interrupted") else ""
        return f'{who:<14} {how:<9} "{entry.get("text", "")}"{cut}'
    match kind:
        case "offered":
            return f"{'call':<14} {facts.get('direction', '')} {entry.get('call_id')}"
        case "ended" | "refused":
            return f"{'call':<14} {kind}: {facts.get('cause', '')}"
        case "fallback":
            what = facts.get("channel") or f"nothing ({facts.get('reason', '')})"
            return f"{'fallback':<14} after {facts.get('trigger', '')}: {what}"
        case "message_taken":
            taken = f"{facts.get('name', '')}, {facts.get('number', '')}: {facts.get('text', '')}"
            return f'{"message taken":<14} "{taken}"'
        case _ if everything:
            details = " ".join(f"{name}={value}" for name, value in facts.items())
            return f"{kind:<14} {details}"
        case _:
            return ""
