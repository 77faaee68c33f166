"""Bounds what an agent is given of a room: the newest lines, in so many characters."""

from collections.abc import Sequence
from dataclasses import replace

from gateway.model.line import Said

HISTORY_CHARS = 24_000
"""About 6,000 tokens of English."""


def bounded(history: Sequence[Said], *, chars_most: int) -> tuple[Said, ...]:
    """Return the newest lines that fit, oldest first; the last one in any case, cut if it alone is too long."""
    kept: list[Said] = []
    left = chars_most
    for said in reversed(history):
        if len(said.text) > left:
            if not kept:
                kept.append(replace(said, text=said.text[:chars_most]))
            break
        kept.append(said)
        left -= len(said.text)
    return tuple(reversed(kept))
