"""Writes all recordings, on one thread, so that no disk and no encoder holds up the event loop."""

import errno
import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gateway.config.recording import RecordingFormat
from gateway.errors import RecordingFailed
from gateway.model.frame import SAMPLE_BYTES
from gateway.recording.files import CHANNELS, AudioFile, open_file

log = logging.getLogger(__name__)

BLOCKS_LIMIT = 1_024
"""Blocks that may wait for the disk (about 25 MB); one more is dropped and is silence in its file."""
NICENESS = 10
PART = ".part"
"""Ends the name of a file that is being written."""
_CHECK_ROOM_EVERY = 16


@dataclass(frozen=True, slots=True)
class _Begin:
    path: Path
    on_failed: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Block:
    path: Path
    start: int
    left: bytes
    right: bytes


@dataclass(frozen=True, slots=True)
class _Finish:
    path: Path


@dataclass(slots=True)
class _Open:
    file: AudioFile
    on_failed: Callable[[str], None]
    samples: int = 0
    blocks: int = 0


class TapeWriter:
    """Filled from the event loop, empties itself on its thread. `on_failed(reason)` is called on the thread."""

    def __init__(
        self, kind: RecordingFormat, *, min_free_bytes: int = 0, limit: int = BLOCKS_LIMIT
    ) -> None:
        self._kind = kind
        self._min_free_bytes = min_free_bytes
        self._limit = limit
        self._changed = threading.Condition()
        self._waiting: deque[_Begin | _Block | _Finish] = deque()
        self._blocks = 0
        self._is_closed = False
        self._files: dict[Path, _Open] = {}
        self._thread: threading.Thread | None = None
        self.dropped = 0
        """Blocks dropped so far because the disk was too slow."""

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="recordings", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Write what waits, bounded, and finish all files; returns whether it was in time."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(timeout_s)
            return not self._thread.is_alive()
        return True

    def begin(self, path: Path, on_failed: Callable[[str], None]) -> None:
        """Make a file, under its name with `.part` until it is finished."""
        self._put(_Begin(path, on_failed))

    def write(self, path: Path, start: int, left: bytes, right: bytes) -> None:
        """Put a block of two tracks of one length at a sample; what is missing before it is silence."""
        with self._changed:
            if self._blocks >= self._limit:
                self.dropped += 1
                return
            self._blocks += 1
        self._put(_Block(path, start, left, right))

    def finish(self, path: Path) -> None:
        self._put(_Finish(path))

    def _put(self, item: _Begin | _Block | _Finish) -> None:
        with self._changed:
            if self._is_closed:
                return
            self._waiting.append(item)
            self._changed.notify()

    # On the thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            # Encoding must never take time from media; on Linux this is about the thread alone.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        except OSError as error:
            log.warning("recordings are written at full priority", extra={"reason": str(error)})
        while (item := self._next()) is not None:
            try:
                self._do(item)
            except (OSError, RecordingFailed) as error:
                self._fail(item.path, error)
            except Exception as error:
                log.exception("a recording failed")
                self._fail(item.path, error)
        for path in list(self._files):
            self._finish(path)

    def _next(self) -> _Begin | _Block | _Finish | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            if not self._waiting:
                return None
            item = self._waiting.popleft()
            if isinstance(item, _Block):
                self._blocks -= 1
            return item

    def _do(self, item: _Begin | _Block | _Finish) -> None:
        match item:
            case _Begin(path, on_failed):
                try:
                    self._check_room(path)
                    file = open_file(part_of(path), self._kind)
                except (OSError, RecordingFailed) as error:
                    on_failed(_reason(error))
                    return
                self._files[path] = _Open(file, on_failed)
            case _Block():
                self._write(item)
            case _Finish(path):
                self._finish(path)

    def _write(self, block: _Block) -> None:
        entry = self._files.get(block.path)
        if entry is None:  # it failed before
            return
        entry.blocks += 1
        if entry.blocks % _CHECK_ROOM_EVERY == 0:
            self._check_room(block.path)
        if block.start > entry.samples:
            entry.file.write(bytes((block.start - entry.samples) * CHANNELS * SAMPLE_BYTES))
            entry.samples = block.start
        stereo = np.empty((len(block.left) // SAMPLE_BYTES, CHANNELS), dtype="<i2")
        stereo[:, 0] = np.frombuffer(block.left, dtype="<i2")
        stereo[:, 1] = np.frombuffer(block.right, dtype="<i2")
        entry.file.write(stereo.tobytes())
        entry.samples += len(stereo)

    def _check_room(self, path: Path) -> None:
        room = os.statvfs(path.parent)
        if room.f_bavail * room.f_frsize < self._min_free_bytes:
            raise RecordingFailed("disk_full", "less room on the disk than recording.min_free_mb")

    def _finish(self, path: Path) -> None:
        entry = self._files.pop(path, None)
        if entry is None:
            return
        try:
            entry.file.close()
            part_of(path).rename(path)
        except (OSError, RecordingFailed) as error:
            log.error("a recording could not be finished", extra={"reason": str(error)})

    def _fail(self, path: Path, error: Exception) -> None:
        """Keep what was written, and let the call know; it goes on."""
        entry = self._files.get(path)
        self._finish(path)
        if entry is not None:
            entry.on_failed(_reason(error))


def part_of(path: Path) -> Path:
    """Return the name of a file while it is being written."""
    return path.with_name(path.name + PART)


def _reason(error: Exception) -> str:
    if isinstance(error, RecordingFailed):
        return error.reason
    return (
        "disk_full"
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        else "disk"
    )
