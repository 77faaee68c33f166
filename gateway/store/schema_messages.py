"""The tables of written messages: outbox, inbox, opt-outs, consents and linked identities.

`person` and `key` columns hold what `identity.address_key` returns.
"""

from sqlalchemy import (
    JSON,
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
)

from gateway.store.metadata import metadata

messages = Table(
    "messages",
    metadata,
    # The order of acceptance: messages to one person leave in it.
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("message_id", String(40), nullable=False, unique=True),
    # Not a foreign key: what must be sent does not depend on a room's record.
    Column("room_id", String(40), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("sender", String(255), nullable=False),
    Column("recipient", String(255), nullable=False),
    Column("text", Text, nullable=False),
    Column("template", JSON),
    Column("media", JSON, nullable=False),
    Column("cause", String(255), nullable=False, unique=True),
    Column("not_after", Float),
    Column("created_at", Float, nullable=False),
    Column("status", String(20), nullable=False),
    Column("changed_at", Float, nullable=False),
    Column("next_attempt_at", Float, nullable=False),
    # All attempts ever, and those since it was queued or replayed.
    Column("attempts", Integer, nullable=False, default=0),
    Column("tries", Integer, nullable=False, default=0),
    Column("provider", String(40), nullable=False, default=""),
    Column("provider_id", String(255), nullable=False, default=""),
    Column("error_code", String(80), nullable=False, default=""),
    Column("error_detail", Text, nullable=False, default=""),
    # When somebody took note that it failed; null is asked for until somebody has.
    Column("told_at", Float),
    Column("buttons", JSON, nullable=False, default=[], server_default="[]"),
    Column("subject", String(255), nullable=False, default="", server_default=""),
    # The provider's id of the message that it answers, for channels with threads.
    Column("reply_to", String(255), nullable=False, default="", server_default=""),
    Index("messages_by_status", "status", "seq"),
    Index("messages_by_room", "room_id", "seq"),
    Index("messages_by_address", "recipient", "sender", "seq"),
    Index("messages_by_recipient", "recipient", "seq"),
)

message_attempts = Table(
    "message_attempts",
    metadata,
    Column("message_id", String(40), ForeignKey("messages.message_id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("provider", String(40), nullable=False),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
    # Null while the provider's answer is awaited, and after a crash.
    Column("outcome", String(20)),
    Column("provider_id", String(255), nullable=False, default=""),
    Column("error_code", String(80), nullable=False, default=""),
    Column("error_detail", Text, nullable=False, default=""),
    Index("attempts_by_provider_id", "provider", "provider_id"),
)

early_receipts = Table(
    "early_receipts",
    metadata,
    # Receipts that came before the provider's answer did, kept until they can be matched.
    Column("provider", String(40), primary_key=True),
    Column("provider_id", String(255), primary_key=True),
    Column("status", String(20), primary_key=True),
    Column("at", Float, nullable=False),
    Column("error_code", String(80), nullable=False, default=""),
    Index("early_receipts_by_time", "at"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("provider", String(40), nullable=False),
    Column("provider_id", String(255), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("sender", String(255), nullable=False),
    Column("sender_name", String(255), nullable=False),
    Column("recipient", String(255), nullable=False),
    Column("text", Text, nullable=False),
    Column("media", JSON, nullable=False),
    Column("received_at", Float, nullable=False),
    # Null until the room has it.
    Column("processed_at", Float),
    Column("subject", String(255), nullable=False, default="", server_default=""),
    # Our id of the message that it answers, where the provider tells.
    Column("reply_to", String(255), nullable=False, default="", server_default=""),
    Index("inbox_once", "provider", "provider_id", unique=True),
    Index("inbox_waiting", "processed_at", "seq"),
    Index("inbox_by_sender", "sender", "received_at"),
)

opt_outs = Table(
    "opt_outs",
    metadata,
    # A ledger: rows are only added, and the last one of each key holds.
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("key", String(300), nullable=False),
    Column("is_out", Boolean, nullable=False),
    Column("channel", String(20), nullable=False),
    Column("at", Float, nullable=False),
    # What caused it, such as the provider's message id: the same source counts once.
    Column("source", String(300), nullable=False),
    Column("detail", Text, nullable=False, default=""),
    Index("opt_outs_once", "source", "key", unique=True),
    Index("opt_outs_by_key", "key", "seq"),
)

consents = Table(
    "consents",
    metadata,
    # A ledger, too, for each channel.
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("key", String(300), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("is_given", Boolean, nullable=False),
    Column("at", Float, nullable=False),
    Column("source", String(300), nullable=False, unique=True),
    Index("consents_by_key", "key", "channel", "seq"),
)

identities = Table(
    "identities",
    metadata,
    Column("key", String(300), primary_key=True),
    # The key under which this person is known otherwise; never itself the key of a row.
    Column("person", String(300), nullable=False),
    Column("linked_at", Float, nullable=False),
    Index("identities_by_person", "person"),
)

unreachables = Table(
    "unreachables",
    metadata,
    # Addresses that a channel does not reach, such as a number without WhatsApp, and for how long that holds.
    Column("key", String(300), primary_key=True),
    Column("channel", String(20), primary_key=True),
    Column("code", String(80), nullable=False),
    Column("until", Float, nullable=False),
)

TABLES = (
    messages,
    message_attempts,
    early_receipts,
    inbox,
    opt_outs,
    consents,
    identities,
    unreachables,
)


def add_message_tables(connection: Connection) -> None:
    """Make these tables, with the columns of later versions, in a database that has none of them."""
    metadata.create_all(connection, tables=TABLES)
