"""Keeps files that people sent in the data directory: whole or not at all, each under an id of ours."""

import hashlib
import os
import re
from pathlib import Path

from gateway.errors import ProviderRefused

_ID = re.compile(r"[A-Za-z0-9_]{1,64}")
SPOOL_SCHEME = "spool"
"""URL scheme of files that came inside a message (an e-mail's attachments) and wait here already."""


class MediaFolder:
    """A folder of files. All methods touch the disk: call them in a thread. They raise `OSError`."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "media"
        self._spool = self._folder / "spool"

    def path(self, media_id: str) -> Path:
        """Return where a file is; raises `ValueError` for what is no id."""
        if not _ID.fullmatch(media_id):
            raise ValueError("no id of a file")
        return self._folder / media_id

    def write(self, media_id: str, data: bytes) -> str:
        """Keep a file; when this returns it is on the disk. Returns its SHA-256."""
        self._write(self.path(media_id), data)
        return hashlib.sha256(data).hexdigest()

    def read(self, media_id: str) -> bytes:
        """Return a whole file; they are bounded in size."""
        return self.path(media_id).read_bytes()

    def remove(self, media_id: str) -> None:
        """Remove a file if it is there."""
        self.path(media_id).unlink(missing_ok=True)

    def spool(self, data: bytes) -> str:
        """Keep what came inside a message until the room has it; returns its URL."""
        name = hashlib.sha256(data).hexdigest()
        self._write(self._spool / name, data)
        return f"{SPOOL_SCHEME}:{name}"

    def spooled(self, url: str) -> bytes:
        """Return what was spooled. Raises `ProviderRefused` if it is not there."""
        name = url.partition(":")[2]
        if not re.fullmatch(r"[0-9a-f]{64}", name):
            raise ProviderRefused("the file's address is no URL")
        try:
            return (self._spool / name).read_bytes()
        except FileNotFoundError:
            raise ProviderRefused("the file is not here any more") from None

    def forget_spooled(self, before: float) -> int:
        """Remove what was spooled before that time (seconds since 1970); returns how many."""
        count = 0
        if self._spool.is_dir():
            for path in self._spool.iterdir():
                if path.stat().st_mtime < before:
                    path.unlink(missing_ok=True)
                    count += 1
        return count

    def _write(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.part")
        try:
            with open(partial, "wb", opener=_private) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except OSError:
            # A full disk must not keep the half that went in.
            partial.unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
