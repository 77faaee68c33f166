"""Answers to choose from: buttons where a channel has them, a numbered list where it has not."""

from collections.abc import Sequence

BUTTONS_MOST = 10
BUTTON_LONGEST = 60


def usable(choices: Sequence[str]) -> tuple[str, ...]:
    """Return choices as buttons can carry them: one line each, short, none twice, not too many."""
    lines = (" ".join(choice.split())[:BUTTON_LONGEST].strip() for choice in choices)
    return tuple(dict.fromkeys(line for line in lines if line))[:BUTTONS_MOST]


def listed(text: str, choices: Sequence[str]) -> str:
    """Return the text with its choices as a numbered list."""
    lines = [f"{number}. {choice}" for number, choice in enumerate(choices, start=1)]
    return "\n".join([text, *lines]) if lines else text


def cut_to_bytes(text: str, most: int) -> str:
    """Return the beginning of a text in at most so many bytes of UTF-8."""
    return text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore")
