"""The tables of what version 3 knows of rooms: access and mute by channel, who takes part, files that people sent."""

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    inspect,
)
from sqlalchemy.schema import CreateColumn

from gateway.store.metadata import metadata
from gateway.store.schema_messages import inbox, messages

room_channels = Table(
    "room_channels",
    metadata,
    # Only channels whose rules differ from the default have a row.
    Column("room_id", String(40), ForeignKey("rooms.room_id"), primary_key=True),
    Column("channel", String(20), primary_key=True),
    Column("can_read", Boolean, nullable=False),
    Column("can_write", Boolean, nullable=False),
    Column("is_muted", Boolean, nullable=False),
    Column("changed_at", Float, nullable=False),
)

participants = Table(
    "participants",
    metadata,
    Column("room_id", String(40), ForeignKey("rooms.room_id"), primary_key=True),
    Column("kind", String(20), primary_key=True),
    # A person's address key, an agent's name, an operator's name.
    Column("key", String(300), primary_key=True),
    Column("name", String(255), nullable=False, default=""),
    # Agents answer in this order.
    Column("position", Integer, nullable=False, default=0),
    Column("joined_at", Float, nullable=False),
)

media_files = Table(
    "media_files",
    metadata,
    Column("media_id", String(40), primary_key=True),
    Column("room_id", String(40), nullable=False),
    Column("provider", String(40), nullable=False),
    Column("provider_id", String(255), nullable=False),
    Column("number", Integer, nullable=False),
    Column("url", Text, nullable=False),
    Column("content_type", String(255), nullable=False),
    Column("status", String(20), nullable=False),
    Column("size_bytes", Integer),
    Column("sha256", String(64), nullable=False, default=""),
    Column("tries", Integer, nullable=False, default=0),
    Column("next_try_at", Float, nullable=False),
    Column("error", Text, nullable=False, default=""),
    Column("created_at", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
    Index("media_files_by_status", "status", "next_try_at"),
    Index("media_files_by_room", "room_id", "created_at"),
)

reply_routes = Table(
    "reply_routes",
    metadata,
    # Where a provider says that an address is reached, such as the service URL of a conversation in Teams.
    Column("channel", String(20), primary_key=True),
    Column("address", String(255), primary_key=True),
    Column("route", Text, nullable=False),
    Column("changed_at", Float, nullable=False),
)

TABLES = (room_channels, participants, media_files, reply_routes)

NEW_COLUMNS = {
    inbox: ("subject", "reply_to"),
    messages: ("buttons", "subject", "reply_to"),
}
"""Columns that version 3 adds to tables of version 2."""


def add_room_tables(connection: Connection) -> None:
    """Bring a database of version 2 to version 3."""
    metadata.create_all(connection, tables=TABLES)
    for table, names in NEW_COLUMNS.items():
        # A database that was of version 1 has just got the table as it is now.
        known = {column["name"] for column in inspect(connection).get_columns(table.name)}
        for name in names:
            if name in known:
                continue
            column = CreateColumn(table.c[name]).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {column}")
