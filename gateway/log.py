"""Logging of every process: one record is one line, every record of a call carries its id, PII is masked.

Loggers are the standard library's; messages are static and lower case, facts go into `extra`. Two rules
are kept here and nowhere else:

* `CALL_ID` and `ROOM_ID` are put on each record from the context of whoever logs. Context does not
  follow into native threads, so objects that live as long as a call hold `for_call(logger, call_id)`.
* Facts whose name begins with `pii_` (numbers, digits, words spoken) are printed as `pii.…` and masked
  unless the configuration says otherwise; nothing else of ours may carry them. What others say (a
  provider's reason, the text of an exception) may all the same: numbers and mail addresses are masked in it.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Iterator, Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any, TextIO

from gateway.config import GatewaySection, LogFormat
from gateway.journal import JournalHandler, field_name, is_journal

CALL_ID: ContextVar[str] = ContextVar("call_id", default="")
"""Set by the task that owns a call's session; read for every record logged beneath it."""
ROOM_ID: ContextVar[str] = ContextVar("room_id", default="")

PII_PREFIX = "pii_"

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""Attributes every record has; what else is on a record came from `extra`."""

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
"""Control characters, line and paragraph separators, and the marks that reverse the reading direction."""

_NUMBER = re.compile(r"(?:sips?:|tel:)?\+?[\d\s().-]*\d(?:@.*)?", re.IGNORECASE | re.DOTALL)
_KEEP_DIGITS_FROM = 5
"""Shorter numbers (extensions, keys pressed) are masked whole: two digits would give most of them away."""


_NAMES_PEOPLE = re.compile(r"[\w.%+-]{1,64}@[\w-]+(?:\.[\w-]+)+|\+\d(?:[ ().-]{0,2}\d){6,18}")
"""A mail address, or a number with its country code, within other words."""
_PASSWORD = re.compile(r"(?<=://)[^/\s@]+@")
"""User and password of a URL."""


def mask(value: object) -> str:
    """Return what may be shown of a private value: a number's last two digits, the length of words."""
    text = str(value)
    if not text:
        return ""
    if _NUMBER.fullmatch(text):
        user = text.rpartition("@")[0] or text
        digits = [character for character in user if character.isdigit()]
        return "***" + ("".join(digits[-2:]) if len(digits) >= _KEEP_DIGITS_FROM else "")
    return f"<{len(text)} characters>"


def scrub(text: str, *, mask_pii: bool) -> str:
    """Return somebody else's words without passwords and, if asked to, without what names people."""
    text = _PASSWORD.sub("***@", text)
    return _NAMES_PEOPLE.sub(lambda match: mask(match[0]), text) if mask_pii else text


def one_line(text: str) -> str:
    """Return `text` without anything that could begin a new line or act on a terminal."""
    return _UNPRINTABLE.sub(" ", text)


class _ContextFilter(logging.Filter):
    """Puts the ids of the current call and room on a record that has none."""

    def filter(self, record: logging.LogRecord) -> bool:
        for name, variable in (("call_id", CALL_ID), ("room_id", ROOM_ID)):
            if not getattr(record, name, ""):
                setattr(record, name, variable.get())
        return True


class _Formatter(logging.Formatter):
    """What both formats share: which facts a record has, and how private ones look."""

    def __init__(self, *, process: str, mask_pii: bool) -> None:
        super().__init__()
        self._process = process
        self._mask_pii = mask_pii

    def facts(self, record: logging.LogRecord) -> Iterator[tuple[str, object]]:
        if self._process:
            yield "process", self._process
        for name in ("call_id", "room_id"):
            if value := getattr(record, name, ""):
                yield name, value
        for name, value in vars(record).items():
            if name in _STANDARD or name in ("call_id", "room_id"):
                continue
            if name.startswith(PII_PREFIX):
                shown = mask(value) if self._mask_pii else value
                yield f"pii.{name.removeprefix(PII_PREFIX)}", shown
            elif isinstance(value, str):
                yield name, scrub(value, mask_pii=self._mask_pii)
            else:
                yield name, value

    def failure(self, record: logging.LogRecord) -> str:
        """The traceback and stack of a record, empty if it has none."""
        parts = []
        if record.exc_info:
            parts.append(self.formatException(record.exc_info))
        if record.stack_info:
            parts.append(self.formatStack(record.stack_info))
        return scrub("\n".join(parts), mask_pii=self._mask_pii)


class JsonFormatter(_Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, object] = {
            "at": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": one_line(record.getMessage()),
        }
        for name, value in self.facts(record):
            # A fact never replaces what the record itself says.
            line[f"{name}_" if name in line else name] = _plain(value)
        if failure := self.failure(record):
            line["traceback"] = failure
        return one_line(json.dumps(line, ensure_ascii=False, default=str))


class ConsoleFormatter(_Formatter):
    """One line for people: time, level, message, then `name=value`."""

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        parts = [
            f"{clock}.{int(record.msecs):03d}",
            f"{record.levelname:<7}",
            f"{record.name}:",
            one_line(record.getMessage()),
        ]
        parts += [f"{name}={_quoted(value)}" for name, value in self.facts(record)]
        line = " ".join(parts)
        if failure := self.failure(record):
            line += " | " + " | ".join(one_line(part) for part in failure.splitlines())
        return line


class JournalFields(_Formatter):
    """The same facts as fields of the journal."""

    def fields(self, record: logging.LogRecord) -> Iterator[tuple[str, str]]:
        message = one_line(record.getMessage())
        if failure := self.failure(record):
            message += "\n" + failure
        yield "MESSAGE", message
        yield field_name("logger"), record.name
        for name, value in self.facts(record):
            if isinstance(value, Mapping | list | tuple | set | frozenset):
                value = json.dumps(_plain(value), ensure_ascii=False, default=str)
            yield field_name(name), one_line(str(value))


def _plain(value: object) -> object:
    """Return `value` as JSON has it, its strings without control characters."""
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, Mapping):
        return {one_line(str(name)): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return one_line(str(value))


def _quoted(value: object) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else one_line(str(value))
    if text and not any(character in text for character in ' "='):
        return text
    return json.dumps(text, ensure_ascii=False)


class CallLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger that puts one call's id on every record, from whichever thread."""

    def process(
        self, msg: object, kwargs: MutableMapping[str, Any]
    ) -> tuple[object, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


def for_call(logger: logging.Logger, call_id: str, room_id: str = "") -> CallLogger:
    """Return a logger for something that lives as long as a call."""
    extra = {"call_id": call_id, "room_id": room_id} if room_id else {"call_id": call_id}
    return CallLogger(logger, extra)


def set_up(section: GatewaySection, *, process: str = "", stream: TextIO | None = None) -> None:
    """Send every logger of this process to `stream` (standard error); may be called again.

    `process` names a worker in its records; the gateway itself leaves it empty.
    """
    target = stream if stream is not None else sys.stderr
    handler = _handler(section, process, target)
    handler.addFilter(_ContextFilter())
    root = logging.getLogger()
    for old in list(root.handlers):
        if getattr(old, "offhook", False):
            root.removeHandler(old)
    handler.offhook = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    root.setLevel(section.log_level.upper())
    logging.captureWarnings(True)
    # Theirs would name the callers' addresses, and at DEBUG each packet; ours says what matters.
    logging.getLogger("aiohttp.access").setLevel(logging.CRITICAL)
    for noisy in ("asyncio", "sqlalchemy", "httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _handler(section: GatewaySection, process: str, target: TextIO) -> logging.Handler:
    wanted = section.log_format
    if wanted is LogFormat.AUTO:
        wanted = LogFormat.CONSOLE if target.isatty() else LogFormat.JSON
        if is_journal(target):
            wanted = LogFormat.JOURNAL
    if wanted is LogFormat.JOURNAL:
        fields = JournalFields(process=process, mask_pii=section.mask_pii)
        try:
            return JournalHandler(fields.fields)
        except OSError:
            # No journal, or out of reach of this sandbox: what is on standard error is not lost.
            wanted = LogFormat.JSON
    formatter = JsonFormatter if wanted is LogFormat.JSON else ConsoleFormatter
    handler = logging.StreamHandler(target)
    handler.setFormatter(formatter(process=process, mask_pii=section.mask_pii))
    return handler
