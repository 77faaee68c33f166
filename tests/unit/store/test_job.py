"""Tests of gateway/store/job.py, through the applier on a database in memory."""

import pytest
from sqlalchemy import create_engine, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import StaticPool

from gateway.errors import StoreError
from gateway.store import schema
from gateway.store.job import Job
from gateway.store.writes import Applier, RoomMade


@pytest.fixture
def connection():
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.begin() as connection:
        schema.prepare(connection)
        yield connection
    engine.dispose()


def a_room(room_id="r_1", person="+491") -> RoomMade:
    return RoomMade(room_id=room_id, number="100", person=person, created_at=1.0)


def count_rooms(connection) -> int:
    return connection.execute(select(func.count()).select_from(schema.rooms)).scalar_one()


def add_room(connection, room_id: str) -> None:
    connection.execute(
        insert(schema.rooms).values(room_id=room_id, number="1", person=room_id, created_at=1.0)
    )


def test_a_job_sees_what_was_written_before_it_and_has_a_result(connection):
    job = Job(count_rooms)

    Applier().apply(connection, [a_room(), job, a_room("r_2", "+492")])

    # Rooms of one batch come first, whatever their place in it.
    assert job.result() == 2


def test_a_job_that_fails_half_way_leaves_nothing_and_harms_no_other(connection):
    def half(connection):
        add_room(connection, "r_half")
        raise KeyError("a bug")

    job, other = Job(half), Job(count_rooms)

    Applier().apply(connection, [a_room(), job, other])

    assert other.result() == 1
    with pytest.raises(KeyError):
        job.result()


def test_what_the_database_refuses_is_raised_to_the_writer(connection):
    add_room(connection, "r_1")
    job = Job(lambda connection: add_room(connection, "r_1"))

    with pytest.raises(IntegrityError):
        Applier().apply(connection, [job])
    with pytest.raises(StoreError, match="refused the data"):
        job.result()


def test_a_job_run_again_has_its_last_result(connection):
    job = Job(count_rooms)
    Applier().apply(connection, [job])
    Applier().apply(connection, [a_room(), job])

    assert job.result() == 1
