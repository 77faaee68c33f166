"""What `offhook check` says of recording, event webhooks and traces."""

import base64
from pathlib import Path
from typing import Any

import pytest

from gateway.checks import observing
from gateway.checks.finding import Level
from gateway.checks.observing import check_observing
from gateway.config import Config, GatewaySection, NumberSection
from gateway.config.event_webhooks import EventWebhookSection
from gateway.config.recording import RecordingMode, RecordingSection
from gateway.config.tracing import TracingSection


def config(tmp_path: Path, mode: RecordingMode = RecordingMode.ANNOUNCE, **more: Any) -> Config:
    return Config(
        gateway=GatewaySection(data_dir=tmp_path / "data"),
        numbers=(NumberSection(number="100", agent="receptionist", recording=mode),),
        **more,
    )


def told(config: Config) -> list[tuple[Level, str]]:
    return [(finding.level, finding.message) for finding in check_observing(config)]


def test_what_is_off_is_not_talked_about() -> None:
    assert check_observing(Config()) == []


def test_recording_that_will_work(tmp_path: Path) -> None:
    ((level, message),) = told(config(tmp_path, recording=RecordingSection(min_free_mb=0)))
    assert level in (Level.OK, Level.WARN)
    assert "recordings" in message
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk(tmp_path: Path) -> None:
    ((level, message),) = told(config(tmp_path, recording=RecordingSection(min_free_mb=2**40)))
    assert level is Level.FAIL
    assert "nothing will be recorded" in message


def test_a_format_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observing, "_is_installed", lambda _: False)
    section = RecordingSection(format="opus", min_free_mb=0)
    assert (
        Level.FAIL,
        'recording.format is "opus" but the package soundfile is not installed',
    ) in (told(config(tmp_path, recording=section)))
    found = check_observing(Config(tracing=TracingSection(otlp_url="http://127.0.0.1:4318")))
    assert [finding.level for finding in found] == [Level.FAIL]


@pytest.mark.parametrize(
    ("mode", "section", "message"),
    [
        (RecordingMode.ANNOUNCE, {"announcement": " "}, "recording.announcement is empty"),
        (RecordingMode.OPT_IN, {"opt_in_key": "", "opt_in_words": ()}, "no way to ask"),
    ],
)
def test_callers_who_are_not_told(
    tmp_path: Path, mode: RecordingMode, section: dict[str, Any], message: str
) -> None:
    found = told(config(tmp_path, mode, recording=RecordingSection(min_free_mb=0, **section)))
    assert any(level is Level.WARN and message in text for level, text in found)


@pytest.mark.parametrize(
    ("secret", "url", "level"),
    [
        (base64.b64encode(b"x" * 32).decode(), "https://crm.example.com/", Level.OK),
        (base64.b64encode(b"x" * 32).decode(), "http://127.0.0.1:9/", Level.OK),
        (base64.b64encode(b"x" * 32).decode(), "http://crm.example.com/", Level.WARN),
        ("c2hvcnQtb25l", "https://crm.example.com/", Level.FAIL),
        (None, "https://crm.example.com/", Level.FAIL),
    ],
)
def test_event_webhooks(tmp_path: Path, secret: str | None, url: str, level: Level) -> None:
    if secret is not None:
        (tmp_path / "secret").write_text(secret)
    section = EventWebhookSection(url=url, secret_file=tmp_path / "secret")
    (finding,) = check_observing(Config(event_webhooks={"crm": section}))
    assert finding.level is level
    assert secret is None or secret not in finding.message + finding.remedy
