"""Keeps a copy of a database before a newer program changes it: the way back of an upgrade leads through it."""

import logging
import time
from pathlib import Path

from sqlalchemy import Engine, func, inspect, select

from gateway.errors import StoreError
from gateway.store import sqlite
from gateway.store.schema import SCHEMA_VERSION, schema_versions

log = logging.getLogger(__name__)

KEPT_DAYS = 30
"""What people said must not outlive for ever what was deleted in the database."""
_DAY_S = 86_400


def copy_of(database: Path, version: int) -> Path:
    """Return where the copy of a database of an earlier schema is."""
    return database.with_name(f"{database.name}.schema-{version}")


def way_back(database: Path, version: int = SCHEMA_VERSION) -> str:
    """Return how a program that knows `version` comes by a database of its own; empty without a copy."""
    copy = copy_of(database, version)
    if not copy.is_file():
        return ""
    # What a crash left of the newer one must not be played into the copy.
    clean = f"rm -f {database}-wal {database}-shm"
    return f"`{clean} && mv {copy} {database}` puts back what was there before the upgrade"


def keep(engine: Engine, database: Path, *, version: int = SCHEMA_VERSION) -> None:
    """Copy the database if its schema is about to change. The caller has the directory for itself.

    Raises `StoreError` if that cannot be done, or if the schema is newer and there is a way back.
    """
    _prune(database)
    with engine.connect() as connection:
        if not inspect(connection).has_table(schema_versions.name):
            return
        found = connection.execute(select(func.max(schema_versions.c.version))).scalar() or 0
    if found > version and (told := way_back(database, version)):
        raise StoreError(
            f"the database has schema version {found} but this program knows {version}; {told}"
        )
    if found == 0 or found >= version:
        return
    copy = copy_of(database, found)
    try:
        sqlite.copy(database, copy)
    except OSError as error:
        raise StoreError(
            f"cannot keep a copy of {database} before this version changes it: {error}; make room "
            f"for {database.stat().st_size >> 20} MiB there, or install the earlier version again"
        ) from error
    log.info("a copy of the database is kept for the way back", extra={"file": copy.name})


def _prune(database: Path) -> None:
    for copy in database.parent.glob(f"{database.name}.schema-*"):
        try:
            if copy.stat().st_mtime < time.time() - KEPT_DAYS * _DAY_S:
                copy.unlink()
        except OSError as error:
            log.warning("an old copy of the database stays", extra={"reason": error.strerror})
