"""Whether the clock is right: tokens, signatures of webhooks and times in records hang on it."""

import ctypes
import shutil
import subprocess
from collections.abc import Iterator

from gateway.checks.asking import Unreachable, ask
from gateway.checks.finding import Finding, fail, ok, warn
from gateway.config import Config

SUBJECT = "clock"
TIMEDATECTL_BOUND_S = 3.0
DRIFT_WARN_S = 5.0
"""As much as tokens of other signers may be off; a `Date` has whole seconds, and an answer takes some."""
DRIFT_FAIL_S = 240.0
"""Signed webhooks are refused when they are 5 minutes old."""
_TIME_ERROR = 5
"""`adjtimex` of an unsynchronized clock (adjtimex(2))."""
_REMEDY = "`timedatectl set-ntp true`, or install chrony"


def check_clock(config: Config, *, live: bool) -> list[Finding]:
    """Return what is to be said of the clock; `live` also compares it with a server's."""
    return [*_synchronized(), *(_drift(config) if live else ())]


def _synchronized() -> Iterator[Finding]:
    match is_synchronized():
        case True:
            yield ok(SUBJECT, "synchronized by NTP")
        case False:
            yield warn(SUBJECT, "not synchronized by NTP", _REMEDY)
        case None:
            yield ok(SUBJECT, "this machine does not tell whether it is synchronized")


def is_synchronized() -> bool | None:
    """Return what systemd, or else the kernel, says; None if neither does."""
    if shutil.which("timedatectl"):
        try:
            done = subprocess.run(
                ["timedatectl", "show", "--property=NTPSynchronized", "--value"],
                capture_output=True,
                text=True,
                timeout=TIMEDATECTL_BOUND_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            done = None
        if done is not None and done.stdout.strip() in ("yes", "no"):
            return done.stdout.strip() == "yes"
    return _kernel_says()


def _kernel_says() -> bool | None:
    # Only read (modes = 0), which needs no right; the structure is 208 bytes on 64-bit Linux.
    buffer = ctypes.create_string_buffer(512)
    try:
        state = ctypes.CDLL(None).adjtimex(buffer)
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR


def _drift(config: Config) -> Iterator[Finding]:
    url = _server(config)
    if not url:
        return
    try:
        ahead_s = ask(url).ahead_s
    except Unreachable:
        return  # told by the check of that server
    if ahead_s is not None:
        yield judge_drift(ahead_s)


def judge_drift(ahead_s: float) -> Finding:
    """Tell what it means that a server's clock is ahead of ours by so much."""
    off = f"{abs(ahead_s):.0f} s {'behind' if ahead_s > 0 else 'ahead of'} a provider's clock"
    if abs(ahead_s) >= DRIFT_FAIL_S:
        return fail(SUBJECT, f"{off}: signed webhooks are refused", _REMEDY)
    if abs(ahead_s) >= DRIFT_WARN_S:
        return warn(SUBJECT, f"{off}: tokens may be refused", _REMEDY)
    return ok(SUBJECT, "agrees with a provider's clock")


def _server(config: Config) -> str:
    """Return a server of somebody else that is configured anyway; empty for none."""
    if config.twilio.is_on:
        return config.twilio.api_url
    if config.channels.telegram.bot_token_file is not None:
        return config.channels.telegram.api_url
    return ""
