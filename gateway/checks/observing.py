"""Whether calls can be recorded, events be signed and traces be sent, where the configuration asks for it."""

import importlib.util
import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from gateway.channels.webhook_signature import key_of
from gateway.checks.finding import Finding, fail, ok, warn
from gateway.config import Config
from gateway.config.recording import RecordingFormat, RecordingMode

_MB = 1024 * 1024
_MB_AN_HOUR = {RecordingFormat.WAV: 230, RecordingFormat.OPUS: 25}
_WANTED_HOURS = 24


def check_observing(config: Config) -> list[Finding]:
    """Return what is to be said of recording, event webhooks and traces; nothing of what is off."""
    return [*_recording(config), *_event_webhooks(config), *_tracing(config)]


def _recording(config: Config) -> list[Finding]:
    numbers = [row.number for row in config.numbers if row.recording is not RecordingMode.OFF]
    if not numbers:
        return []
    subject, section = "recording", config.recording
    findings = []
    if section.format is RecordingFormat.OPUS and not _is_installed("soundfile"):
        findings.append(
            fail(
                subject,
                'recording.format is "opus" but the package soundfile is not installed',
                'install the extra `recording`, or set recording.format = "wav"',
            )
        )
    folder = section.files_dir or config.gateway.data_dir / "recordings"
    existing = _existing(folder)
    if not os.access(existing, os.W_OK | os.X_OK):
        findings.append(
            fail(
                subject,
                f"{existing} cannot be written, so nothing can be recorded in {folder}",
                "give the user of the gateway write access or set recording.files_dir",
            )
        )
        return findings
    free_mb = shutil.disk_usage(existing).free // _MB
    room_mb = free_mb - section.min_free_mb
    wanted_mb = _WANTED_HOURS * _MB_AN_HOUR[section.format]
    if room_mb <= 0:
        findings.append(
            fail(
                subject,
                f"{folder} has {free_mb} MB left and recording.min_free_mb is "
                f"{section.min_free_mb}: nothing will be recorded",
                "make room, lower recording.keep_days or set recording.files_dir",
            )
        )
    elif room_mb < wanted_mb:
        findings.append(
            warn(
                subject,
                f"{folder} has room for {room_mb // _MB_AN_HOUR[section.format]} hours of calls",
                "make room, lower recording.keep_days or set recording.files_dir",
            )
        )
    says_nothing = {
        RecordingMode.ANNOUNCE: not section.announcement.strip(),
        RecordingMode.OPT_IN: not (section.opt_in_key or section.opt_in_words),
    }
    for row in config.numbers:
        if row.recording is RecordingMode.OPT_IN and says_nothing[RecordingMode.OPT_IN]:
            findings.append(
                warn(
                    subject,
                    f"callers of {row.number!r} have no way to ask for recording",
                    "set recording.opt_in_key or recording.opt_in_words",
                )
            )
        if row.recording is RecordingMode.ANNOUNCE and says_nothing[RecordingMode.ANNOUNCE]:
            findings.append(
                warn(
                    subject,
                    f"callers of {row.number!r} are recorded, and recording.announcement is empty",
                    f"have the greeting of agent {row.agent!r} say it, or set an announcement",
                )
            )
    return findings or [ok(subject, f"{len(numbers)} numbers, in {folder}, {free_mb} MB free")]


def _event_webhooks(config: Config) -> list[Finding]:
    findings = []
    for name, section in config.event_webhooks.items():
        subject = f"event webhook {name}"
        try:
            key_of(section.secret_file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            findings.append(
                fail(
                    subject,
                    f"its secret cannot be used: {reason}",
                    f"openssl rand -base64 32 > {section.secret_file}",
                )
            )
            continue
        if section.url.startswith("http://") and not _is_near(section.url):
            findings.append(
                warn(
                    subject,
                    "events are posted without encryption; they name people and what they wrote",
                    f"use https in event_webhooks.{name}.url",
                )
            )
            continue
        findings.append(ok(subject, f"{len(section.events)} kinds of events"))
    return findings


def _tracing(config: Config) -> list[Finding]:
    if not config.tracing.otlp_url:
        return []
    if not _is_installed("opentelemetry"):
        return [
            fail(
                "tracing",
                "tracing.otlp_url is set but OpenTelemetry is not installed",
                "install the extra `otel`, or leave tracing.otlp_url empty",
            )
        ]
    return [ok("tracing", f"{config.tracing.share:.0%} of the calls")]


def _existing(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _is_near(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")
