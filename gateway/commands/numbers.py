"""Numbers on the command line: the error says which are taken."""

import math
from argparse import ArgumentTypeError
from collections.abc import Callable


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return what reads a whole number from `least` to `most`."""
    wanted = f"{least} or more" if most is None else f"from {least} to {most}"

    def read(text: str) -> int:
        # More digits than any bound has, and than int() takes, are no number either.
        value = int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
        if value is None or value < least or (most is not None and value > most):
            raise ArgumentTypeError(f"{text!r} is not a whole number, {wanted}")
        return value

    return read


def seconds(text: str) -> float:
    """Read a length of time in seconds, 0 or more."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds, 0 or more")
    return value
