"""The recordings on the disk: list, find, delete, keep for so long, repair after a crash. Blocks; for a thread."""

import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import RecordingFailed
from gateway.recording.files import CONTENT_TYPES, repair_wav
from gateway.recording.writer import PART

log = logging.getLogger(__name__)

_CALL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFile:
    """One file."""

    call_id: str
    path: Path
    size_bytes: int
    ended_at: float
    """Seconds since 1970."""
    is_running: bool
    """Whether it is still being written."""

    @property
    def content_type(self) -> str:
        return CONTENT_TYPES[_suffix(self.path.name)]


class Library:
    """One folder, for the gateway alone. Every method may raise `OSError`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self) -> int:
        """Make the folder; finish what a crash left unfinished, and return how many files that were.

        Raises `RecordingFailed` if it cannot be written.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise RecordingFailed(
                "disk",
                f"cannot create {self.folder}: {error.strerror}; create it for the user of the "
                "gateway or set recording.files_dir",
            ) from error
        if not os.access(self.folder, os.R_OK | os.W_OK | os.X_OK):
            raise RecordingFailed(
                "disk",
                f"cannot read and write in {self.folder}: give the user of the gateway both rights "
                "or set recording.files_dir",
            )
        repaired = 0
        for file in self.files():
            if not file.is_running:
                continue
            try:
                repaired += self._repair(file.path)
            except OSError as error:
                # A bad block, a full disk: calls are worth more than the end of this file.
                log.error(
                    "a recording that a crash left cannot be finished",
                    extra={"file": file.path.name, "reason": error.strerror},
                )
        return repaired

    def _repair(self, path: Path) -> bool:
        whole = path.with_name(path.name.removesuffix(PART))
        has_sound = repair_wav(path) if whole.suffix == ".wav" else path.stat().st_size > 0
        if not has_sound:
            path.unlink()
            return False
        path.rename(whole)
        return True

    def files(self) -> list[RecordingFile]:
        """Return all recordings, newest first."""
        found = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                name = entry.name.removesuffix(PART)
                suffix = _suffix(name)
                if suffix not in CONTENT_TYPES or not entry.is_file(follow_symlinks=False):
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:  # deleted or finished since
                    continue
                found.append(
                    RecordingFile(
                        call_id=name.removesuffix(suffix),
                        path=Path(entry.path),
                        size_bytes=status.st_size,
                        ended_at=status.st_mtime,
                        is_running=entry.name.endswith(PART),
                    )
                )
        return sorted(found, key=lambda file: (-file.ended_at, file.call_id))

    def find(self, call_id: str) -> RecordingFile | None:
        """Return a call's recording."""
        if not _CALL_ID.fullmatch(call_id):
            return None
        for suffix in CONTENT_TYPES:
            for name in (f"{call_id}{suffix}", f"{call_id}{suffix}{PART}"):
                path = self.folder / name
                try:
                    status = path.lstat()
                except FileNotFoundError:
                    continue
                return RecordingFile(
                    call_id=call_id,
                    path=path,
                    size_bytes=status.st_size,
                    ended_at=status.st_mtime,
                    is_running=name.endswith(PART),
                )
        return None

    def delete(self, call_id: str) -> bool:
        """Delete a finished recording; False if there is none."""
        file = self.find(call_id)
        if file is None or file.is_running:
            return False
        file.path.unlink(missing_ok=True)
        return True

    def prune(self, *, keep_days: int, now: float) -> int:
        """Delete what is older than `keep_days` (0: nothing); returns how many files."""
        if not keep_days:
            return 0
        old = [
            file
            for file in self.files()
            if not file.is_running and file.ended_at < now - keep_days * DAY_S
        ]
        for file in old:
            file.path.unlink(missing_ok=True)
        return len(old)


def _suffix(name: str) -> str:
    return Path(name.removesuffix(PART)).suffix
