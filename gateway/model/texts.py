"""A text that may be longer than a name: a session description, a message to a page."""

from typing import NewType

LongText = NewType("LongText", str)
"""Marks a field that the link carries up to `LONG_TEXT_LIMIT`; plain strings are cut much earlier."""

LONG_TEXT_LIMIT = 32_768
"""Characters."""

MESSAGE_LIMIT_BYTES = 16_384
"""Most bytes (UTF-8) of one message to or from a far end that takes messages."""
