"""The directory of rendered speech: bounded, atomic, and no trouble to anybody when the disk fails."""

import errno
import logging
import os
from pathlib import Path

import pytest

from gateway.media import speech_store
from gateway.media.speech_store import SpeechStore
from gateway.model.speech import Speech


def speech(text: str, samples: int = 1000) -> Speech:
    return Speech(text, b"\x01\x00" * samples)


def test_it_survives_a_restart(tmp_path: Path) -> None:
    assert SpeechStore(tmp_path / "new", limit_bytes=10**6).save("k", speech("hello"))

    assert SpeechStore(tmp_path / "new", limit_bytes=10**6).load("k") == speech("hello")


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    assert SpeechStore(tmp_path / "new", limit_bytes=10**6).load("k") is None


def test_a_broken_file_is_a_miss_and_deleted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = SpeechStore(tmp_path, limit_bytes=10**6)
    store.save("k", speech("hello"))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-20])

    with caplog.at_level(logging.WARNING):
        assert store.load("k") is None

    assert not list(tmp_path.iterdir())
    assert "broken cache file deleted" in caplog.text


def test_an_unreadable_entry_is_a_miss(tmp_path: Path) -> None:
    store = SpeechStore(tmp_path, limit_bytes=10**6)
    (tmp_path / "k.wav").mkdir()

    assert store.load("k") is None


def test_the_least_used_goes_first_when_it_is_full(tmp_path: Path) -> None:
    store = SpeechStore(tmp_path, limit_bytes=12_000)
    for number in range(4):
        store.save(f"k{number}", speech(f"text {number}"))
        os.utime(tmp_path / f"k{number}.wav", (number, number))
    assert store.load("k0") is not None  # used just now

    for number in range(4, 7):
        store.save(f"k{number}", speech(f"text {number}"))

    kept = {path.stem for path in tmp_path.iterdir()}
    assert "k0" in kept
    assert "k6" in kept
    assert "k1" not in kept
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 12_000


def test_leftovers_of_a_killed_writer_are_cleared(tmp_path: Path) -> None:
    old, young = tmp_path / "old.new", tmp_path / "young.new"
    old.write_bytes(b"x")
    young.write_bytes(b"x")
    os.utime(old, (1, 1))

    SpeechStore(tmp_path, limit_bytes=10**6).save("k", speech("hello"))

    assert not old.exists()
    assert young.exists()


def test_a_full_disk_is_said_once_and_tried_again_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SpeechStore(tmp_path, limit_bytes=10**6)
    clock_s = 1000.0
    monkeypatch.setattr(speech_store.time, "monotonic", lambda: clock_s)

    def full(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, f"no space for {self} {target}")

    with caplog.at_level(logging.INFO), monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        assert not store.save("k", speech("hello"))
        assert not store.save("k", speech("hello"))
        clock_s += speech_store.RETRY_AFTER_S
        assert not store.save("k", speech("hello"))
    assert caplog.text.count("kept in memory only") == 1
    assert not list(tmp_path.iterdir())

    clock_s += speech_store.RETRY_AFTER_S
    assert store.save("k", speech("hello"))
    assert store.load("k") == speech("hello")


def test_a_directory_that_cannot_be_made_is_no_fault_of_the_callers(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = SpeechStore(tmp_path / "file" / "cache", limit_bytes=10**6)

    assert not store.save("k", speech("hello"))
    assert store.load("k") is None
