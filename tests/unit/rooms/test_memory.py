"""What an agent is given, and what is forgotten."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert

from gateway.channels.media_folder import MediaFolder
from gateway.model.line import Role, Said
from gateway.model.messages import Channel
from gateway.rooms.memory import bounded
from gateway.rooms.pruner import DAY_S, Pruner
from gateway.store import pruning, schema
from gateway.store.people import is_opted_out, record_opt_out
from gateway.store.schema import calls, rooms, timeline
from gateway.store.schema_messages import inbox, message_attempts, messages
from gateway.store.schema_rooms import media_files, participants
from tests.unit.rooms.test_text_desk import Bench


@given(st.lists(st.text(max_size=40)), st.integers(min_value=1, max_value=200))
def test_the_newest_lines_fit_and_the_last_is_always_there(texts, most):
    history = [Said(Role.USER, text) for text in texts]
    found = bounded(history, chars_most=most)
    assert sum(len(said.text) for said in found) <= most
    assert bool(found) == bool(history)
    if found:
        assert texts[-1].startswith(found[-1].text)
        assert [said.text for said in found[:-1]] == texts[len(texts) - len(found) : -1]
    if len(found) < len(history) and found and found[-1].text == texts[-1]:
        assert sum(map(len, texts[len(texts) - len(found) - 1 :])) > most


@pytest.fixture
def bench(database):
    return Bench(database)


async def test_a_desk_gives_no_more_than_fits(bench):
    for number in range(5):
        bench.receive(f"{number}" * 100, f"SM{number}")
    await bench.run(bench.desk(history_chars=250))
    assert all(sum(len(s.text) for s in turn.history) <= 250 for turn in bench.agent.turns)
    assert bench.agent.turns[-1].history[-1].text == "4" * 100


class InMind:
    def __init__(self, *found):
        self.found = found

    def rooms_in_mind(self):
        return self.found

    def forget_rooms_in_mind(self):
        self.found = ()


async def old_rooms(bench, *senders):
    for sender in senders:
        bench.receive("hello", sender=sender, at=1.0)
    await bench.run(bench.desk())

    def settle(connection):
        connection.execute(messages.update().values(status="sent"))
        connection.execute(timeline.update().values(facts={"at": 5.0}))

    bench.database.run(settle)
    return {row.person: row.room_id for row in bench.rows(rooms)}


def pruner(bench, tmp_path, *, now, in_mind=(), **more):
    return Pruner(
        bench.database, InMind(*in_mind), MediaFolder(tmp_path), clock=lambda: now, **more
    )


async def test_what_is_quiet_for_long_is_forgotten_with_all_that_belongs_to_it(bench, tmp_path):
    await old_rooms(bench, "+491", "+492")

    def opt_out(connection):
        record_opt_out(connection, Channel.SMS, "+491", is_out=True, at=2.0, source="s")

    bench.database.run(opt_out)
    found, files = bench.database.run(
        lambda connection: pruning.forget_rooms(connection, before=100.0, limit=10)
    )
    assert (len(found), files) == (2, [])
    gone = bench.database.run(
        lambda connection: pruning.forget_inbox(connection, before=100.0, limit=10)
    )
    assert gone == 2
    for table in (rooms, timeline, messages, message_attempts, participants, inbox, calls):
        assert not bench.rows(table)
    assert bench.database.run(lambda connection: is_opted_out(connection, Channel.SMS, "+491"))


async def test_what_is_not_quiet_is_kept(bench, tmp_path):
    known = await old_rooms(bench, "+491", "+492", "+493", "+494", "+495", "+496")

    def happen(connection):
        row = {
            "endpoint": "sip",
            "direction": "inbound",
            "caller": "",
            "callee": "",
            "caller_name": "",
            "foreign_id": "",
            "source": "",
            "agent": "",
            "detail": "",
            "cause": "caller_hung_up",
        }
        for call_id, person, more in (
            ("c_1", "+491", {"offered_at": 200.0}),
            ("c_2", "+492", {"offered_at": 1.0, "cause": None}),
        ):
            values = {**row, "call_id": call_id, "room_id": known[person], **more}
            columns = {name: value for name, value in values.items() if name in calls.c}
            connection.execute(insert(calls).values(**columns))
        of = messages.update().where
        connection.execute(of(messages.c.room_id == known["+493"]).values(status="queued"))
        connection.execute(of(messages.c.room_id == known["+494"]).values(created_at=150.0))
        last = timeline.update().where(timeline.c.room_id == known["+495"])
        connection.execute(last.values(facts={"at": 150.0}))

    bench.database.run(happen)
    found, _ = bench.database.run(
        lambda connection: pruning.forget_rooms(connection, before=100.0, limit=10)
    )
    assert found == [known["+496"]]


async def test_rooms_that_somebody_turns_to_and_files_follow_the_days(bench, tmp_path):
    known = await old_rooms(bench, "+491", "+492")
    folder = MediaFolder(tmp_path)
    folder.write("f_1", b"x")

    def file(connection):
        connection.execute(
            insert(media_files).values(
                media_id="f_1",
                room_id=known["+491"],
                provider="p",
                provider_id="1",
                number=0,
                url="u",
                content_type="image/png",
                status="fetched",
                next_try_at=0.0,
                created_at=1.0,
                changed_at=1.0,
            )
        )

    bench.database.run(file)
    now = 10 * DAY_S
    assert await pruner(bench, tmp_path, now=now).prune() == 0
    assert len(bench.rows(rooms)) == 2
    mind = [known["+491"]]
    assert await pruner(bench, tmp_path, now=now, in_mind=mind, rooms_days=5).prune() == 1
    assert folder.read("f_1") == b"x"
    assert await pruner(bench, tmp_path, now=now, rooms_days=5).prune() == 1
    with pytest.raises(FileNotFoundError):
        folder.read("f_1")
    assert not bench.rows(media_files)
    assert not bench.rows(inbox)


def test_every_table_that_names_a_room_is_pruned():
    pruned = {"messages", "media_files", "participants", "room_channels", "timeline", "calls"}
    naming = {table.name for table in schema.metadata.sorted_tables if "room_id" in table.c}
    assert naming - pruned == {"rooms"}
