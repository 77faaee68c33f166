"""Reads what the gateway wrote down of the calls of a run, from its database, without disturbing it."""

import json
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of a timeline."""

    kind: str
    offset_ms: float
    facts: dict[str, Any]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One call with its timeline."""

    call_id: str
    offered_at: float
    """Seconds since 1970."""
    cause: str | None
    lines: list[Line] = field(default_factory=list)

    def first(self, kind: str) -> Line | None:
        return next((line for line in self.lines if line.kind == kind), None)

    def events(self, name: str) -> list[Line]:
        """Return what the agent recorded under a name."""
        return [
            line
            for line in self.lines
            if line.kind == "agent_event" and line.facts.get("name") == name
        ]


def calls_since(database: Path, since: float) -> list[Call]:
    """Return the calls offered from then on (seconds since 1970), oldest first."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10) as connection:
        rows = connection.execute(
            "SELECT call_id, offered_at, cause FROM calls WHERE offered_at >= ? ORDER BY offered_at",
            (since,),
        ).fetchall()
        calls = {row[0]: Call(*row) for row in rows}
        entries = connection.execute(
            "SELECT t.call_id, kind, offset_ms, facts, text FROM timeline t JOIN calls c "
            "ON c.call_id = t.call_id WHERE c.offered_at >= ? ORDER BY t.room_id, seq",
            (since,),
        )
        for call_id, kind, offset_ms, facts, text in entries:
            calls[call_id].lines.append(Line(kind, offset_ms, json.loads(facts), text))
    connection.close()
    return list(calls.values())
