"""The exit codes of `offhook`, and the one way a command fails."""

from enum import IntEnum


class Exit(IntEnum):
    """What the process tells its caller."""

    OK = 0
    FAILED = 1
    """What was asked could not be done, or a check failed."""
    USAGE = 2
    """The command line or the configuration is wrong."""
    UNREACHABLE = 3
    """No gateway answers."""


class CommandFailed(Exception):
    """Ends the command with one line on standard error."""

    def __init__(self, message: str, code: Exit = Exit.FAILED) -> None:
        self.code = code
        super().__init__(message)
