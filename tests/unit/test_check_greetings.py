"""What `offhook check` says of recorded greetings."""

from pathlib import Path

import pytest

from gateway.checks.finding import Level
from gateway.checks.greetings import check_greetings
from gateway.config import Config
from gateway.media.wav import write_wav
from gateway.model.frame import BYTES_PER_MS


def told(path: Path | None, **greeting: object) -> list[tuple[Level, str]]:
    agent = {"kind": "receptionist", **({} if path is None else {"greeting_file": str(path)})}
    config = Config.model_validate(
        {
            "agents": {"desk": agent},
            "numbers": [{"number": "*", "agent": "desk"}],
            "greeting": greeting,
        }
    )
    return [(one.level, f"{one.message} → {one.remedy}") for one in check_greetings(config)]


def recording(folder: Path, seconds: int) -> Path:
    write_wav(folder / "hello.wav", bytes(seconds * 1000 * BYTES_PER_MS))
    return folder / "hello.wav"


def test_nothing_is_said_of_greetings_that_are_rendered() -> None:
    assert told(None) == []


@pytest.mark.parametrize(
    ("seconds", "deadline_s", "level", "words"),
    [
        (3, 60, Level.OK, "lasts 3 s"),
        (70, 60, Level.WARN, "greeting.gate_deadline_s to 80"),
        (70, 90, Level.OK, "lasts 70 s"),
        (130, 300, Level.FAIL, "shorten it to 120 s"),
    ],
)
def test_the_length_of_a_recording(tmp_path, seconds, deadline_s, level, words) -> None:
    ((found, text),) = told(recording(tmp_path, seconds), gate_deadline_s=deadline_s)
    assert found is level
    assert words in text
    assert "agents.desk.greeting_file" in text


@pytest.mark.parametrize("content", [None, b"", b"RIFF, but no more", b"\0" * 4000])
def test_a_recording_that_cannot_be_played(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "hello.wav"
    if content is not None:
        path.write_bytes(content)
    ((level, text),) = told(path)
    assert level is Level.FAIL
    assert f"agents.desk.greeting_file {path}" in text
    assert "remove the key" in text
