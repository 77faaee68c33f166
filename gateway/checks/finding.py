"""One result of `offhook check`."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """It works, but not as well or as safely as it could."""
    FAIL = "fail"
    """The gateway will not start, or not do what the configuration asks."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what was found, and what to do about it."""

    level: Level
    subject: str
    message: str
    remedy: str = ""


def ok(subject: str, message: str) -> Finding:
    return Finding(Level.OK, subject, message)


def warn(subject: str, message: str, remedy: str) -> Finding:
    return Finding(Level.WARN, subject, message, remedy)


def fail(subject: str, message: str, remedy: str) -> Finding:
    return Finding(Level.FAIL, subject, message, remedy)
