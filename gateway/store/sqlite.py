"""Opens the SQLite database; the only file that knows which database it is.

Write-ahead log with `synchronous=FULL`: a commit that returned is on the disk, readers never wait for the
writer, and a process killed at any moment leaves a database that opens.
"""

import fcntl
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import IO

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import NullPool, StaticPool

from gateway.errors import StoreError

DATABASE_FILE = "offhook.db"
BUSY_TIMEOUT_MS = 5_000
"""How long to wait for another process (a backup, a shell) that holds the database."""


class InstanceLock:
    """Holds a data directory for one gateway; the kernel lets go when the process ends, however it ends."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "offhook.lock"
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Raises `StoreError` if another process has it, or the directory cannot be written."""
        try:
            file = self._path.open("a+", encoding="ascii")
        except OSError as error:
            raise StoreError(
                f"cannot write in data_dir {self._path.parent}: {error.strerror}; "
                "give the user of the gateway write access or set [gateway] data_dir"
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise StoreError(
                f"data_dir {self._path.parent} is in use by another gateway; stop that one or set "
                "[gateway] data_dir to another directory"
            ) from error
        self._file = file

    def is_held(self) -> bool:
        """Whether some process has it now; makes nothing."""
        try:
            with self._path.open("r", encoding="ascii") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def make_data_dir(data_dir: Path) -> None:
    """Create the directory for its owner only. Raises `StoreError`."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"cannot create data_dir {data_dir}: {error.strerror}; create it for the user of the "
            "gateway or set [gateway] data_dir"
        ) from error


def writing_engine(path: Path) -> Engine:
    """Return an engine whose one connection writes; for one thread. Creates the file, mode 0600."""
    try:
        # SQLite gives its -wal and -shm files the mode of the database file.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreError(f"cannot open {path}: {error.strerror}") from error
    engine = create_engine(
        f"sqlite:///{path}", poolclass=NullPool, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000}
    )

    @event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
        # The driver's own transactions begin late and not for DDL; ours begin with BEGIN below.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: object) -> None:
        # Taking the write lock at once: a read that becomes a write could fail without waiting.
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # type: ignore[attr-defined]

    return engine


def copy(path: Path, target: Path) -> None:
    """Copy a database as it is now, for its owner only, whole or not at all. Raises `OSError`."""
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(part)) as copied:
            source.backup(copied)
        part.replace(target)
    except sqlite3.Error as error:
        raise OSError(f"{error}") from error
    finally:
        part.unlink(missing_ok=True)


def reading_engine(path: Path) -> Engine:
    """Return an engine with one connection that cannot write; for one thread."""
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=StaticPool,
        connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA query_only=ON")

    return engine
