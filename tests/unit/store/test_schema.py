"""Tests of gateway/store/schema.py, on a database in memory."""

import pytest
from sqlalchemy import create_engine, insert, inspect, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.pool import StaticPool
from sqlalchemy.schema import CreateTable

from gateway.errors import StoreError
from gateway.store import inbox, schema, schema_messages, schema_rooms


@pytest.fixture
def engine():
    engine = create_engine("sqlite://", poolclass=StaticPool)
    yield engine
    engine.dispose()


def stamps(connection) -> list[int]:
    return list(connection.execute(select(schema.schema_versions.c.version)).scalars())


def test_a_fresh_database_is_made_and_stamped(engine):
    with engine.begin() as connection:
        schema.prepare(connection)

        assert stamps(connection) == [schema.SCHEMA_VERSION]
        assert connection.execute(select(schema.calls)).all() == []


def test_preparing_twice_changes_nothing(engine):
    with engine.begin() as connection:
        schema.prepare(connection)
        schema.prepare(connection)

        assert stamps(connection) == [schema.SCHEMA_VERSION]


def test_an_older_database_runs_what_it_has_not_had_in_order(engine):
    ran: list[int] = []
    steps = {
        schema.SCHEMA_VERSION + 1: lambda connection: (
            ran.append(1),
            connection.execute(text("ALTER TABLE calls ADD COLUMN extra TEXT")),
        ),
        schema.SCHEMA_VERSION + 2: lambda _connection: ran.append(2),
    }
    with engine.begin() as connection:
        schema.prepare(connection)
        schema.prepare(connection, version=schema.SCHEMA_VERSION + 2, migrations=steps)

        assert ran == [1, 2]
        assert stamps(connection)[-1] == schema.SCHEMA_VERSION + 2
        assert connection.execute(text("SELECT extra FROM calls")).all() == []


def test_version_1_becomes_what_a_fresh_database_is(engine):
    def shape(connection):
        tables = inspect(connection)
        return {
            name: (
                [(column["name"], str(column["type"])) for column in tables.get_columns(name)],
                sorted(str(index["name"]) for index in tables.get_indexes(name)),
            )
            for name in tables.get_table_names()
        }

    with engine.begin() as connection:
        first = [
            table
            for table in schema.metadata.sorted_tables
            if table not in (*schema_messages.TABLES, *schema_rooms.TABLES)
        ]
        schema.metadata.create_all(connection, tables=first)
        connection.execute(insert(schema.schema_versions).values(version=1, applied_at=0))
        schema.prepare(connection)
        migrated = shape(connection)
        assert stamps(connection) == list(range(1, schema.SCHEMA_VERSION + 1))

    fresh = create_engine("sqlite://", poolclass=StaticPool)
    with fresh.begin() as connection:
        schema.prepare(connection)
        assert shape(connection) == migrated
    fresh.dispose()


def test_version_2_keeps_its_messages_and_gets_the_new_columns(engine):
    with engine.begin() as connection:
        schema.prepare(connection)
        for table in schema_rooms.TABLES:
            table.drop(connection)
        for table, names in schema_rooms.NEW_COLUMNS.items():
            for name in names:
                connection.execute(text(f"ALTER TABLE {table.name} DROP COLUMN {name}"))
        connection.execute(
            text(
                "INSERT INTO inbox (provider, provider_id, channel, sender, sender_name, recipient, "
                "text, media, received_at) VALUES ('p', '1', 'sms', 'a', '', 'b', 'hi', '[]', 1.0)"
            )
        )
        connection.execute(schema.schema_versions.update().values(version=2))
        schema.prepare(connection)

        assert stamps(connection) == list(range(2, schema.SCHEMA_VERSION + 1))
        ((_, kept),) = inbox.waiting(connection, limit=5)
        assert (kept.text, kept.subject, kept.reply_to) == ("hi", "", "")
        assert connection.execute(select(schema_rooms.media_files)).all() == []


def test_a_newer_database_is_refused_with_the_remedy(engine):
    with engine.begin() as connection:
        schema.prepare(connection)
        connection.execute(
            insert(schema.schema_versions).values(version=schema.SCHEMA_VERSION + 1, applied_at=0)
        )
        with pytest.raises(StoreError, match="newer Offhook; install that version"):
            schema.prepare(connection)


def test_every_version_after_the_first_has_its_migration():
    assert set(schema.MIGRATIONS) == set(range(2, schema.SCHEMA_VERSION + 1))


def test_postgresql_can_have_the_tables_too():
    for table in schema.metadata.sorted_tables:
        sql = str(CreateTable(table).compile(dialect=postgresql.dialect()))
        assert sql.strip().startswith(f"CREATE TABLE {table.name}")
