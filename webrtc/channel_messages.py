"""Reads what a page says over the data channel and writes what the worker says itself; pure.

page → worker   dtmf, hangup, early_end; other JSON objects with a `type` go to the gateway
worker → page   quality, dtmf
"""

import json
from dataclasses import dataclass

from gateway.model.texts import MESSAGE_LIMIT_BYTES

KEYS = frozenset("0123456789*#ABCD")


@dataclass(frozen=True, slots=True)
class Key:
    """A key was pressed."""

    digit: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """The caller ends the call."""


@dataclass(frozen=True, slots=True)
class EarlyEnd:
    """All early audio was sent."""


@dataclass(frozen=True, slots=True)
class Other:
    """For the gateway."""

    text: str


Said = Key | HangUp | EarlyEnd | Other


def read(text: str) -> Said | None:
    """Return what a page said; None for what is malformed or too long."""
    if (
        len(text) > MESSAGE_LIMIT_BYTES
        or len(text.encode("utf-8", "replace")) > MESSAGE_LIMIT_BYTES
    ):
        return None
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return None
    match message["type"]:
        case "dtmf":
            digit = message.get("digit")
            return Key(digit) if isinstance(digit, str) and digit in KEYS else None
        case "hangup":
            return HangUp()
        case "early_end":
            return EarlyEnd()
        case _:
            return Other(text)


def quality(*, jitter_ms: float, lost: int, round_trip_ms: float) -> str:
    """Return the figures that the page cannot measure itself."""
    return json.dumps(
        {
            "type": "quality",
            "jitter_ms": round(jitter_ms, 1),
            "lost": lost,
            "rtt_ms": round(round_trip_ms, 1),
        }
    )


def key(digit: str) -> str:
    """Return that the agent pressed a key."""
    return json.dumps({"type": "dtmf", "digit": digit})
