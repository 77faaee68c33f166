"""Files, their writer and their folder: what is on the disk after blocks, failures and crashes."""

import errno
import os
import threading
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from gateway.config.recording import RecordingFormat
from gateway.errors import RecordingFailed
from gateway.recording import library as library_module
from gateway.recording import writer as writer_module
from gateway.recording.files import open_file
from gateway.recording.library import DAY_S, Library
from gateway.recording.writer import TapeWriter, part_of

BLOCK = 6_400  # samples


def tracks(path: Path) -> tuple[list[int], list[int]]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 16_000, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    return samples[:, 0].tolist(), samples[:, 1].tolist()


def mono(value: int, samples: int = BLOCK) -> bytes:
    return np.full(samples, value, dtype="<i2").tobytes()


def written(
    tmp_path: Path, *blocks: tuple[int, bytes, bytes], **more: object
) -> tuple[Path, list[str]]:
    path, failures = tmp_path / "c_1.wav", []
    writer = TapeWriter(RecordingFormat.WAV, **more)  # type: ignore[arg-type]
    writer.begin(path, failures.append)
    for block in blocks:
        writer.write(path, *block)
    writer.finish(path)
    writer.start()
    assert writer.stop(5)
    return path, failures


def test_the_caller_is_on_the_left_and_the_agent_on_the_right(tmp_path: Path) -> None:
    path, failures = written(tmp_path, (0, mono(1), mono(2)), (BLOCK, mono(3), mono(4)))

    assert tracks(path) == ([1] * BLOCK + [3] * BLOCK, [2] * BLOCK + [4] * BLOCK)
    assert path.stat().st_mode & 0o777 == 0o600
    assert failures == []
    assert not part_of(path).exists()


def test_a_block_that_is_missing_is_silence(tmp_path: Path) -> None:
    path, _ = written(tmp_path, (0, mono(1), mono(1)), (2 * BLOCK, mono(2), mono(2)))
    assert tracks(path)[0] == [1] * BLOCK + [0] * BLOCK + [2] * BLOCK


def test_a_full_queue_drops_the_newest_block_and_counts_it(tmp_path: Path) -> None:
    path = tmp_path / "c_1.wav"
    writer = TapeWriter(RecordingFormat.WAV, limit=2)
    writer.begin(path, lambda _: None)
    for index in range(4):
        writer.write(path, index * BLOCK, mono(index + 1), mono(index + 1))
    writer.finish(path)
    writer.start()
    assert writer.stop(5)
    assert writer.dropped == 2
    assert tracks(path)[0] == [1] * BLOCK + [2] * BLOCK


def test_a_disk_without_room_stops_the_recording_with_a_reason(tmp_path: Path) -> None:
    _, failures = written(tmp_path, (0, mono(1), mono(1)), min_free_bytes=2**62)
    assert failures == ["disk_full"]
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_keeps_what_was_written(tmp_path: Path, monkeypatch) -> None:
    real = open_file

    class Full:
        def __init__(self, path: Path, kind: RecordingFormat) -> None:
            self._file = real(path, kind)
            self._left = 2

        def write(self, stereo: bytes) -> None:
            self._left -= 1
            if self._left < 0:
                raise OSError(errno.ENOSPC, "no space")
            self._file.write(stereo)

        def close(self) -> None:
            self._file.close()

    monkeypatch.setattr(writer_module, "open_file", Full)
    blocks = [(index * BLOCK, mono(7), mono(7)) for index in range(5)]
    path, failures = written(tmp_path, *blocks)
    assert failures == ["disk_full"]
    assert tracks(path)[0] == [7] * 2 * BLOCK


def test_a_folder_that_is_gone_is_told_and_hurts_no_other_recording(tmp_path: Path) -> None:
    failures: list[str] = []
    writer = TapeWriter(RecordingFormat.WAV)
    writer.begin(tmp_path / "gone" / "c_1.wav", failures.append)
    writer.write(tmp_path / "gone" / "c_1.wav", 0, mono(1), mono(1))
    writer.begin(tmp_path / "c_2.wav", failures.append)
    writer.write(tmp_path / "c_2.wav", 0, mono(1), mono(1))
    writer.start()
    assert writer.stop(5)
    assert failures == ["disk"]
    assert len(tracks(tmp_path / "c_2.wav")[0]) == BLOCK  # finished by the stop


def test_a_wav_file_plays_at_every_moment(tmp_path: Path) -> None:
    path = tmp_path / "c_1.wav"
    file = open_file(path, RecordingFormat.WAV)
    for count in range(1, 4):
        file.write(mono(count) + mono(count))
        assert len(tracks(path)[0]) == count * BLOCK
    file.close()


def test_opus_keeps_sides_and_time(tmp_path: Path) -> None:
    path = tmp_path / "c_1.opus"
    writer = TapeWriter(RecordingFormat.OPUS)
    writer.begin(path, lambda _: None)
    tone = (8000 * np.sin(np.arange(BLOCK) * 0.2)).astype("<i2").tobytes()
    for index in range(10):
        writer.write(path, index * BLOCK, tone, mono(0))
    writer.finish(path)
    writer.start()
    assert writer.stop(10)
    samples, rate_hz = soundfile.read(path)
    assert rate_hz == 16_000
    assert len(samples) == pytest.approx(10 * BLOCK, abs=rate_hz // 50)
    loud, quiet = np.abs(samples[rate_hz:-rate_hz]).mean(axis=0)
    assert loud > 20 * quiet
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size < 60_000


# The folder -------------------------------------------------------------------------------------------


def test_what_a_crash_left_plays_after_the_next_start(tmp_path: Path) -> None:
    library = Library(tmp_path / "recordings")
    library.prepare()
    assert library.folder.stat().st_mode & 0o777 == 0o700
    # As a crash in the middle of a block leaves it: the header is of the block before.
    torn = part_of(library.folder / "c_torn.wav")
    file = open_file(torn, RecordingFormat.WAV)
    file.write(mono(1) + mono(1))
    with torn.open("ab") as more:
        more.write(mono(2, 101) + b"x")
    part_of(library.folder / "c_empty.wav").write_bytes(b"RIFF")
    opus = open_file(part_of(library.folder / "c_cut.opus"), RecordingFormat.OPUS)
    for _ in range(20):
        opus.write(mono(1) + mono(1))
    whole = part_of(library.folder / "c_cut.opus").read_bytes()
    opus.close()
    part_of(library.folder / "c_cut.opus").write_bytes(whole)

    assert Library(library.folder).prepare() == 2

    assert sorted(path.name for path in library.folder.iterdir()) == ["c_cut.opus", "c_torn.wav"]
    assert len(tracks(library.folder / "c_torn.wav")[0]) == BLOCK + 50
    samples, _ = soundfile.read(library.folder / "c_cut.opus")
    assert len(samples) > 15 * BLOCK // 2


def test_recordings_are_listed_found_and_deleted(tmp_path: Path) -> None:
    library = Library(tmp_path)
    for age_s, name in ((30, "c_old.wav"), (10, "c_new.opus"), (0, "c_live.wav.part")):
        (tmp_path / name).write_bytes(b"sound")
        os.utime(tmp_path / name, (1e9 - age_s, 1e9 - age_s))
    (tmp_path / "notes.txt").write_text("not ours")

    assert [file.call_id for file in library.files()] == ["c_live", "c_new", "c_old"]
    assert [file.is_running for file in library.files()] == [True, False, False]
    found = library.find("c_new")
    assert found is not None
    assert found.content_type == "audio/ogg"
    assert library.delete("c_new")
    assert not library.delete("c_new")
    assert not library.delete("c_live")  # it goes on
    assert library.find("../notes") is None
    assert library.find("c_old.wav") is None


def test_old_recordings_go_and_running_ones_stay(tmp_path: Path) -> None:
    library = Library(tmp_path)
    for days, name in ((91, "c_old.wav"), (89, "c_new.wav"), (91, "c_live.wav.part")):
        (tmp_path / name).write_bytes(b"sound")
        os.utime(tmp_path / name, (1e9 - days * DAY_S, 1e9 - days * DAY_S))
    assert library.prune(keep_days=0, now=1e9) == 0
    assert library.prune(keep_days=90, now=1e9) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c_live.wav.part", "c_new.wav"]


def test_a_folder_that_cannot_be_made_is_told_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingFailed, match=r"recording\.files_dir"):
        Library(tmp_path / "file" / "recordings").prepare()


def test_the_writer_lives_on_one_thread(tmp_path: Path) -> None:
    writer = TapeWriter(RecordingFormat.WAV)
    writer.start()
    (thread,) = [t for t in threading.enumerate() if t.name == "recordings"]
    assert thread.native_id is not None
    assert writer.stop(5)
    writer.begin(tmp_path / "late.wav", lambda _: None)  # after the stop: nothing
    assert list(tmp_path.iterdir()) == []


def test_one_file_that_cannot_be_finished_costs_neither_the_others_nor_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("c_1", "c_2"):
        (tmp_path / f"{name}.wav.part").write_bytes(bytes(44 + 64))
    repair = library_module.repair_wav

    def on_a_bad_disk(path: Path) -> bool:
        if path.name.startswith("c_1"):
            raise OSError(errno.EIO, "Input/output error")
        return repair(path)

    monkeypatch.setattr(library_module, "repair_wav", on_a_bad_disk)
    assert Library(tmp_path).prepare() == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c_1.wav.part", "c_2.wav"]
    (record,) = [record for record in caplog.records if "cannot be finished" in record.getMessage()]
    assert record.file == "c_1.wav.part"


def test_a_folder_that_cannot_be_listed_is_told_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda _path, mode: not mode & os.R_OK)
    with pytest.raises(RecordingFailed, match=r"recording\.files_dir"):
        Library(tmp_path).prepare()
