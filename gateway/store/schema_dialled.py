"""The table of calls that we placed: who asked, and what they cost of the day's budget."""

from sqlalchemy import Column, Connection, Float, Index, String, Table

from gateway.store.metadata import metadata

dialled = Table(
    "dialled",
    metadata,
    Column("call_id", String(40), primary_key=True),
    # The asker's own key: a second request with it is the same request. Null: it gave none.
    Column("key", String(255), unique=True),
    # What was asked for with the key, so that another request with the same key is noticed.
    Column("asked", String(64), nullable=False),
    Column("number", String(255), nullable=False),
    Column("trunk", String(80), nullable=False),
    # `api`, or the message by which the fallback reaches somebody: `message:m_…`.
    Column("cause", String(255), nullable=False),
    Column("at", Float, nullable=False),
    # The longest it may be; counted in full until it is known what it came to.
    Column("reserved_s", Float, nullable=False),
    # Null while it goes on, and after a crash.
    Column("used_s", Float),
    Index("dialled_by_time", "at"),
    Index("dialled_by_cause", "cause"),
)


def add_dialled_table(connection: Connection) -> None:
    """Make this table in a database that has none of it."""
    metadata.create_all(connection, tables=[dialled])
