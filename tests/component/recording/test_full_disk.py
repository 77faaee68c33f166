"""A disk that is really full: the recording stops with a reason, what was written plays, others go on."""

import os
import subprocess
import threading
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from gateway.config.recording import RecordingFormat
from gateway.recording.library import Library
from gateway.recording.writer import TapeWriter

BLOCK = 6_400
NOISE = np.random.default_rng(1).integers(-9_000, 9_000, BLOCK).astype("<i2").tobytes()

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("kind", list(RecordingFormat))
def test_the_recording_stops_and_the_next_one_works_again(
    small_disk: Path, kind: RecordingFormat
) -> None:
    suffix = ".wav" if kind is RecordingFormat.WAV else ".opus"
    failed = threading.Event()
    reasons: list[str] = []

    def on_failed(reason: str) -> None:
        reasons.append(reason)
        failed.set()

    writer = TapeWriter(kind)
    writer.start()
    path = small_disk / f"c_full{suffix}"
    writer.begin(path, on_failed)
    for index in range(400):
        writer.write(path, index * BLOCK, NOISE, NOISE)
    assert failed.wait(30)
    assert reasons[0] in ("disk_full", "disk")
    writer.finish(path)  # as the call does when it ends

    assert length_of(path) > BLOCK
    assert Library(small_disk).delete("c_full")
    after = small_disk / f"c_after{suffix}"
    writer.begin(after, on_failed)
    writer.write(after, 0, NOISE, NOISE)
    writer.finish(after)
    assert writer.stop(10)
    assert len(reasons) == 1
    assert length_of(after) == BLOCK


def length_of(path: Path) -> int:
    if path.suffix == ".wav":
        with wave.open(str(path)) as file:
            return file.getnframes()
    samples, _ = soundfile.read(path)
    return len(samples)
