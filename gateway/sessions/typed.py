"""Takes what a caller types instead of saying it: reads the messages, and keeps them while the gate is closed."""

import json
from collections import deque
from dataclasses import dataclass

HELD_LIMIT = 16
"""Texts kept while the gate is closed; more are dropped (nobody reads them yet)."""

TEXT_LIMIT = 2_000
"""Characters of one text that count; the rest is cut off."""

ID_LIMIT = 64

BURST, PER_S = 10.0, 0.5
"""So many texts at once, and so many a second after that: each costs an answer. More are dropped."""


@dataclass(frozen=True, slots=True)
class Typed:
    """One text."""

    at_s: float
    text: str
    id: str = ""
    """What the far end calls the line; empty if it has no name."""


class TypedTexts:
    """Owned by one session; sans-I/O, times are passed in (any monotonic clock, seconds)."""

    def __init__(self) -> None:
        self._held: deque[Typed] = deque()
        self._is_open = False
        self._allowed = BURST
        self._at_s: float | None = None
        self.dropped = 0

    def received(self, message: str, at_s: float) -> tuple[Typed, ...]:
        """Take a message of the far end; returns what is for the agent now."""
        text = parse(message, at_s)
        if text is None:
            return ()
        if not self._passes(at_s):
            self.dropped += 1
            return ()
        if self._is_open:
            return (text,)
        if len(self._held) >= HELD_LIMIT:
            self.dropped += 1
        else:
            self._held.append(text)
        return ()

    def open(self) -> tuple[Typed, ...]:
        """The gate is open: returns what was kept, in order; from now on nothing is."""
        self._is_open = True
        held = tuple(self._held)
        self._held.clear()
        return held

    def _passes(self, at_s: float) -> bool:
        since_s = 0.0 if self._at_s is None else max(0.0, at_s - self._at_s)
        self._at_s = at_s
        self._allowed = min(BURST, self._allowed + since_s * PER_S)
        if self._allowed < 1.0:
            return False
        self._allowed -= 1.0
        return True


def parse(message: str, at_s: float) -> Typed | None:
    """Return the text of a message like `{"type": "text", "text": …, "id": …}`; None for any other."""
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("type") != "text":
        return None
    text, line_id = found.get("text"), found.get("id", "")
    if not isinstance(text, str):
        return None
    words = " ".join(_visible(text).split())[:TEXT_LIMIT].rstrip()
    if not words:
        return None
    is_name = isinstance(line_id, str) and len(line_id) <= ID_LIMIT and line_id.isprintable()
    return Typed(at_s, words, line_id if is_name else "")


def _visible(text: str) -> str:
    """Turn what upsets logs and terminals into spaces; lone surrogates too, which no store takes."""
    return "".join(char if char.isprintable() else " " for char in text)
