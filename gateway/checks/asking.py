"""One bounded question to a server, for checks; what comes back never holds what was sent."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

ANSWER_MOST = 1024 * 1024
BOUND_S = 8.0

T = TypeVar("T")


class Unreachable(Exception):
    """No answer came; the text says why, without address or secret."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered, whatever the status."""

    status: int
    body: Mapping[str, Any]
    """The JSON object; empty for anything else."""
    ahead_s: float | None
    """By how much its clock (`Date`, whole seconds) is ahead of ours; None without one."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """A redirect is an answer: what it leads to has no business with our secrets."""


def within(bound_s: float, work: Callable[[], T]) -> T:
    """Return what `work` returns, raise what it raises; raises `Unreachable` after `bound_s`.

    The work goes on in a thread that the process does not wait for: name look-ups cannot be cancelled.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True, name="check")
    thread.start()
    thread.join(bound_s)
    if errors:
        raise errors[0]
    if not results:
        raise Unreachable(f"no answer within {bound_s:g} s")
    return results[0]


def ask(url: str, *, headers: Mapping[str, str] | None = None, bound_s: float = BOUND_S) -> Answer:
    """GET a URL. Raises `Unreachable`."""
    return within(bound_s, lambda: _ask(url, headers or {}, bound_s))


def _ask(url: str, headers: Mapping[str, str], bound_s: float) -> Answer:
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "offhook", **headers})
        try:
            with opener.open(request, timeout=bound_s) as answer:
                return _read(answer.status, answer.headers, answer.read(ANSWER_MOST))
        except urllib.error.HTTPError as error:
            with error:
                return _read(error.code, error.headers, error.read(ANSWER_MOST))
    except urllib.error.URLError as error:
        raise Unreachable(_reason(error.reason)) from None
    except (OSError, ValueError) as error:
        raise Unreachable(_reason(error)) from None


def _read(status: int, headers: Any, text: bytes) -> Answer:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = {}
    return Answer(status, body if isinstance(body, dict) else {}, _ahead_s(headers.get("Date")))


def _ahead_s(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date or "").timestamp() - time.time()
    except (ValueError, TypeError, IndexError):
        return None


def _reason(error: object) -> str:
    """The system's words; those of other errors may quote what was sent."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return type(error).__name__ if isinstance(error, BaseException) else "no answer"
