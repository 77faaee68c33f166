"""Rendered speech on disk: one file per utterance, bounded in total, the least used goes first.

Blocking; `SpeechCache` calls it in threads. Any file may be deleted at any time by anybody.
"""

import errno
import logging
import os
import tempfile
import threading
import time
from pathlib import Path

from gateway.media.speech_file import SpeechFileError, decode, encode
from gateway.model.speech import Speech

logger = logging.getLogger(__name__)

SUFFIX = ".wav"
RETRY_AFTER_S = 60.0
"""After a failed write nothing is written for so long."""


class SpeechStore:
    """One directory. Safe for several threads; other processes may share the directory."""

    def __init__(self, directory: Path, *, limit_bytes: int) -> None:
        self._directory = directory
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._size_bytes: int | None = None
        """Total of all files; None until counted."""
        self._fails_until_s = 0.0
        self._is_failing = False

    def load(self, key: str) -> Speech | None:
        """Return an utterance or None; a broken file is deleted and counts as missing."""
        path = self._path(key)
        try:
            speech = decode(path.read_bytes())
        except FileNotFoundError:
            return None
        except SpeechFileError as error:
            logger.warning(
                "broken cache file deleted", extra={"path": str(path), "reason": str(error)}
            )
            self._delete(path)
            return None
        except OSError as error:
            logger.warning("cache not readable", extra={"path": str(path), "reason": str(error)})
            return None
        try:
            os.utime(path)  # its age is that of its last use
        except OSError as error:
            logger.debug("cache file not touched", extra={"reason": str(error)})
        return speech

    def save(self, key: str, speech: Speech) -> bool:
        """Write an utterance, whole or not at all; returns False if the disk does not take it."""
        if time.monotonic() < self._fails_until_s:
            return False
        data = encode(speech)
        with self._lock:
            try:
                self._directory.mkdir(parents=True, exist_ok=True)
                self._make_room(len(data))
                self._write(self._path(key), data)
            except OSError as error:
                self._failed(error)
                return False
            self._size_bytes = (self._size_bytes or 0) + len(data)
            if self._is_failing:
                self._is_failing = False
                logger.info("speech cache is written again")
            return True

    def _path(self, key: str) -> Path:
        return self._directory / f"{key}{SUFFIX}"

    def _write(self, path: Path, data: bytes) -> None:
        """Atomic: readers see the old file, the new one or none. Not synced: a cache may be lost."""
        handle, name = tempfile.mkstemp(dir=self._directory, suffix=".new")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise

    def _make_room(self, wanted_bytes: int) -> None:
        if self._size_bytes is not None and self._size_bytes + wanted_bytes <= self._limit_bytes:
            return
        files: list[tuple[float, int, Path]] = []
        with os.scandir(self._directory) as entries:
            for entry in entries:
                try:
                    status = entry.stat()
                except FileNotFoundError:
                    continue
                if entry.name.endswith(".new"):
                    # Left by a process that died while writing.
                    if time.time() - status.st_mtime > RETRY_AFTER_S:
                        Path(entry.path).unlink(missing_ok=True)
                elif entry.name.endswith(SUFFIX):
                    files.append((status.st_mtime, status.st_size, Path(entry.path)))
        total = sum(size for _, size, _ in files)
        # A tenth more than needed, so that a full cache is not scanned at every write.
        target = self._limit_bytes - max(wanted_bytes, self._limit_bytes // 10)
        if total + wanted_bytes > self._limit_bytes:
            for _, size, path in sorted(files):
                if total <= target:
                    break
                path.unlink(missing_ok=True)
                total -= size
        self._size_bytes = total

    def _delete(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("cache file not deletable", extra={"reason": str(error)})

    def _failed(self, error: OSError) -> None:
        """Say it once, go on from memory, try again later."""
        self._fails_until_s = time.monotonic() + RETRY_AFTER_S
        self._size_bytes = None
        if not self._is_failing:
            self._is_failing = True
            what = "disk full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "write failed"
            logger.error(
                "speech cache is kept in memory only",
                extra={"reason": f"{what}: {error}", "path": str(self._directory)},
            )
