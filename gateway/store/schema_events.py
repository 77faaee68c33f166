"""The table of events that are told to programs of the operator's own."""

from sqlalchemy import Column, Connection, Float, Index, Integer, String, Table, Text

from gateway.store.metadata import metadata

event_webhooks = Table(
    "event_webhooks",
    metadata,
    # Made from what happened, so that the same event is written once, and known to its reader as one.
    Column("event_id", String(40), primary_key=True),
    # Name of the section of the configuration.
    Column("target", String(80), primary_key=True),
    Column("type", String(40), nullable=False),
    # Id of the call or message.
    Column("subject", String(255), nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    # Null: nothing is to be done any more.
    Column("next_attempt_at", Float),
    # `pending`, `delivered` or `dead`.
    Column("state", String(12), nullable=False),
    Column("error", String(255), nullable=False, default=""),
    Index("event_webhooks_by_due", "target", "next_attempt_at"),
    Index("event_webhooks_by_subject", "subject", "type"),
)


def add_event_table(connection: Connection) -> None:
    """Make this table in a database that has none of it."""
    metadata.create_all(connection, tables=[event_webhooks])
