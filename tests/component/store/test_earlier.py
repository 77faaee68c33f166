"""A database is copied before a newer version changes it, and the copy is what an earlier version starts with."""

import errno
import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from gateway.checks.machine import _database
from gateway.config import Config, GatewaySection
from gateway.errors import StoreError
from gateway.store import earlier, sqlite
from gateway.store.schema import SCHEMA_VERSION
from gateway.store.store import Store

DATABASE = sqlite.DATABASE_FILE


async def made(folder: Path, *, version: int = SCHEMA_VERSION) -> str:
    """Make a database with one room, and stamp it; returns the room's id."""
    store = Store(folder)
    await store.start()
    room = await store.room_for(number="100", person="+491")
    await store.close()
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        connection.execute("UPDATE schema_versions SET version = ?", (version,))
        connection.commit()
    return room.room_id


def stamp(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("SELECT max(version) FROM schema_versions").fetchone()
    return int(version)


async def test_an_older_database_is_copied_before_it_is_changed(tmp_path: Path) -> None:
    room_id = await made(tmp_path, version=SCHEMA_VERSION - 1)
    store = Store(tmp_path)
    await store.start()
    await store.close()

    copy = earlier.copy_of(tmp_path / DATABASE, SCHEMA_VERSION - 1)
    assert stamp(tmp_path / DATABASE) == SCHEMA_VERSION
    assert stamp(copy) == SCHEMA_VERSION - 1
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT room_id FROM rooms").fetchall() == [(room_id,)]
    assert not copy.with_name(f"{copy.name}.part").exists()


async def test_a_database_that_stays_as_it_is_is_not_copied(tmp_path: Path) -> None:
    await made(tmp_path)
    store = Store(tmp_path)
    await store.start()
    await store.close()
    assert not [name for name in os.listdir(tmp_path) if ".schema-" in name]


async def test_without_room_for_the_copy_nothing_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made(tmp_path, version=SCHEMA_VERSION - 1)

    def full(_path: Path, _target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sqlite, "copy", full)
    with pytest.raises(StoreError, match=r"No space left.*make room for \d+ MiB"):
        await Store(tmp_path).start()
    assert stamp(tmp_path / DATABASE) == SCHEMA_VERSION - 1
    monkeypatch.undo()
    store = Store(tmp_path)
    await store.start()
    await store.close()


async def test_an_earlier_program_tells_how_it_comes_by_its_database(tmp_path: Path) -> None:
    await made(tmp_path)
    database = tmp_path / DATABASE
    copy = earlier.copy_of(database, SCHEMA_VERSION)
    shutil.copy(database, copy)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE schema_versions SET version = ?", (SCHEMA_VERSION + 1,))
        connection.commit()

    with pytest.raises(StoreError, match=f"mv {copy} {database}"):
        await Store(tmp_path).start()
    config = Config(gateway=GatewaySection(data_dir=tmp_path))
    (finding,) = _database(config, is_running=False)
    assert finding.level.value == "fail"
    assert f"mv {copy} {database}" in finding.remedy

    # As it says.
    copy.replace(database)
    store = Store(tmp_path)
    await store.start()
    await store.close()


async def test_old_copies_go(tmp_path: Path) -> None:
    await made(tmp_path)
    old, new = (earlier.copy_of(tmp_path / DATABASE, version) for version in (1, 2))
    for copy, days in ((old, earlier.KEPT_DAYS + 1), (new, 1)):
        copy.write_bytes(b"x")
        os.utime(copy, (time.time(), time.time() - days * 86_400))
    store = Store(tmp_path)
    await store.start()
    await store.close()
    assert [copy.exists() for copy in (old, new)] == [False, True]
