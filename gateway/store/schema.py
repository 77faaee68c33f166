"""The tables, and how an older database becomes a newer one.

A fresh database is made by `create_all` and stamped with `SCHEMA_VERSION`; an older one runs the migrations it
has not had, each in the same transaction as its stamp. Everything here is SQLAlchemy Core without the
words of one database: SQLite and PostgreSQL both serve.
"""

import time
from collections.abc import Callable, Mapping

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    insert,
    inspect,
    select,
)

from gateway.errors import StoreError
from gateway.store.metadata import metadata
from gateway.store.schema_dialled import add_dialled_table
from gateway.store.schema_events import add_event_table
from gateway.store.schema_messages import add_message_tables
from gateway.store.schema_rooms import add_room_tables

SCHEMA_VERSION = 5

schema_versions = Table(
    "schema_versions",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("applied_at", Float, nullable=False),  # seconds since 1970, as all `_at` columns
)

rooms = Table(
    "rooms",
    metadata,
    Column("room_id", String(40), primary_key=True),
    Column("number", String(255), nullable=False),
    Column("person", String(255), nullable=False),
    Column("created_at", Float, nullable=False),
    # The last `seq` of the room's timeline; the row is locked while it is raised, so that two writers
    # never give out one number twice and a rolled-back transaction leaves no gap.
    Column("last_seq", Integer, nullable=False, default=0),
    UniqueConstraint("number", "person", name="one_room_per_person_and_number"),
)

calls = Table(
    "calls",
    metadata,
    Column("call_id", String(40), primary_key=True),
    Column("room_id", String(40), ForeignKey("rooms.room_id"), nullable=False),
    Column("endpoint", String(20), nullable=False),
    Column("direction", String(10), nullable=False),
    Column("caller", String(255), nullable=False),
    Column("callee", String(255), nullable=False),
    Column("caller_name", String(255), nullable=False),
    Column("foreign_id", String(255), nullable=False),
    Column("source", String(80), nullable=False),
    Column("agent", String(80), nullable=False),
    Column("offered_at", Float, nullable=False),
    Column("answered_ms", Float),  # since the offer, as all `_ms` columns
    Column("ended_ms", Float),
    Column("cause", String(40)),
    Column("detail", Text, nullable=False, default=""),
    Index("calls_by_time", "offered_at"),
    Index("calls_by_room", "room_id"),
    Index("calls_by_cause", "cause"),
)

timeline = Table(
    "timeline",
    metadata,
    Column("room_id", String(40), ForeignKey("rooms.room_id"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    # Ours, made when the entry was accepted: a transaction whose fate is unknown can be tried again.
    Column("entry_id", String(40), nullable=False, unique=True),
    # Not a foreign key: an entry outlives the loss of its call's record.
    Column("call_id", String(40), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("offset_ms", Float, nullable=False),
    Column("role", String(10)),
    Column("text", Text, nullable=False),
    Column("facts", JSON, nullable=False),
    Index("timeline_by_call", "call_id"),
)

Migration = Callable[[Connection], None]

MIGRATIONS: Mapping[int, Migration] = {
    2: add_message_tables,
    3: add_room_tables,
    4: add_dialled_table,
    5: add_event_table,
}
"""Version → what makes it from the version before. Version 1 is the first there was."""


def prepare(
    connection: Connection,
    *,
    version: int = SCHEMA_VERSION,
    migrations: Mapping[int, Migration] = MIGRATIONS,
) -> None:
    """Bring the database to `version`, inside the caller's transaction.

    Raises `StoreError` if a newer Offhook made it.
    """
    if not inspect(connection).has_table(schema_versions.name):
        metadata.create_all(connection)
        _stamp(connection, version)
        return
    found = connection.execute(select(func.max(schema_versions.c.version))).scalar() or 0
    if found > version:
        raise StoreError(
            f"the database has schema version {found} but this program knows {version}: "
            "it was made by a newer Offhook; install that version again or use another data_dir"
        )
    for step in range(found + 1, version + 1):
        migrations[step](connection)
        _stamp(connection, step)


def _stamp(connection: Connection, version: int) -> None:
    connection.execute(insert(schema_versions).values(version=version, applied_at=time.time()))
