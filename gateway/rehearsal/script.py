"""What the rehearsing caller says, and what it expects to hear.

A script is a text file, one step a line:

    When are you open?          the caller says this once the agent has finished speaking
    ! Wait, stop.               the same, but over the agent's speech, half a second into it
    > nine to five              words that the answer to the line above must contain
    keys: 12#                   the caller presses keys
    wait: 2.5                   the caller stays silent for so many seconds after the agent has finished
    # a comment

Steps that the caller performs are called lines; expectations belong to the line before them, those before
the first line to the greeting.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from gateway.errors import ConfigError

MAX_LINES = 200
MAX_TEXT = 1_000


class StepKind(StrEnum):
    """What the caller does in one step."""

    SAY = "say"
    INTERRUPT = "interrupt"
    KEYS = "keys"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing the caller does."""

    kind: StepKind
    text: str = ""
    """What is said, or the keys pressed."""
    wait_s: float = 0.0
    expect: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Script:
    """A whole rehearsal."""

    steps: tuple[Step, ...]
    expect_greeting: tuple[str, ...] = ()


DEFAULT_TEXT = """\
When are you open?
> nine to five
What is your address?
> address
No, that is all. Goodbye.
> goodbye
"""
"""Fits the receptionist of the built-in configuration."""


def _step(line: str, where: str) -> Step:
    name, _, rest = line.partition(":")
    match name.strip().lower():
        case "keys" if rest:
            keys = rest.strip().upper()
            if not keys or set(keys) - set("0123456789*#ABCD"):
                raise ConfigError(f"{where}: {keys!r} are not keys; use 0-9, *, #, A-D")
            return Step(StepKind.KEYS, keys)
        case "wait" if rest:
            try:
                wait_s = float(rest)
            except ValueError:
                wait_s = -1.0
            if not 0 <= wait_s <= 120:
                raise ConfigError(
                    f"{where}: {rest.strip()!r} is not a time of 0 to 120 seconds; write wait: 2.5"
                )
            return Step(StepKind.WAIT, wait_s=wait_s)
    if line.startswith("!"):
        return Step(StepKind.INTERRUPT, line[1:].strip())
    return Step(StepKind.SAY, line)


def parse(text: str, source: str = "script") -> Script:
    """Read a script. Raises `ConfigError` naming `source` and the line."""
    steps: list[Step] = []
    greeting: list[str] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        where = f"{source}:{number}"
        if not line or line.startswith("#"):
            continue
        if len(line) > MAX_TEXT:
            raise ConfigError(
                f"{where}: the line is longer than {MAX_TEXT} characters; cut it in two"
            )
        if line.startswith(">"):
            words = line[1:].strip()
            if not words:
                raise ConfigError(f"{where}: '>' needs the words to expect")
            if steps:
                last = steps[-1]
                steps[-1] = Step(last.kind, last.text, last.wait_s, (*last.expect, words))
            else:
                greeting.append(words)
            continue
        step = _step(line, where)
        if step.kind in (StepKind.SAY, StepKind.INTERRUPT) and not step.text:
            raise ConfigError(f"{where}: '!' needs the words to say")
        steps.append(step)
        if len(steps) > MAX_LINES:
            raise ConfigError(f"{source}: more than {MAX_LINES} steps; cut the script in two")
    if not steps:
        raise ConfigError(
            f"{source}: nothing to say; write one line for each thing the caller says"
        )
    return Script(tuple(steps), tuple(greeting))


def load(path: Path) -> Script:
    """Read a script file. Raises `ConfigError`."""
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}; name a script's file"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text; save it as UTF-8") from error
