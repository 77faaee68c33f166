"""Decides which agent answers a dialled number: exact, `prefix*` or `*`; the first match wins."""

from collections.abc import Iterable

from gateway.config import NumberSection

_DECORATION = str.maketrans("", "", " -.()/")


def _plain(number: str) -> str:
    """Strip what people write between digits; user parts such as `front-desk` keep their letters."""
    bare = number.translate(_DECORATION)
    if bare.lstrip("+").rstrip("*").isdigit():
        return bare
    return number.casefold()


def matches(pattern: str, number: str) -> bool:
    """Whether a dialled number fits a pattern of the configuration."""
    if pattern == "*":
        return True
    if pattern.endswith("*"):
        return _plain(number).startswith(_plain(pattern[:-1]))
    return _plain(number) == _plain(pattern)


def row_of(numbers: Iterable[NumberSection], dialled: str) -> NumberSection | None:
    """Return the first row that a dialled number fits, or None."""
    return next((row for row in numbers if matches(row.number, dialled)), None)


def route(numbers: Iterable[NumberSection], dialled: str) -> str | None:
    """Return the name of the agent for a dialled number, or None if no row matches."""
    row = row_of(numbers, dialled)
    return None if row is None else row.agent
