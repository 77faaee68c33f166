"""Two machines that answer each other come to an end; people and other rooms do not notice."""

import pytest

from gateway.rooms import text_lines
from gateway.rooms.hooks import Hooks, Point
from gateway.rooms.reply_pace import HOUR_S, TOO_MANY, ReplyPace
from gateway.store import inbox
from gateway.store.schema import timeline
from tests.unit.rooms.test_text_desk import Bench

MOST = 3
WRITTEN_AT = 1.0
"""When the bench's outbox takes messages."""


@pytest.fixture
def bench(database):
    return Bench(database)


def paced(bench, now_s):
    pace = ReplyPace(bench.database, most_an_hour=MOST, clock=lambda: now_s)
    return bench.desk(hooks=Hooks({Point.BEFORE_INBOUND: [pace]}))


def notes(bench):
    facts = [row.facts for row in bench.rows(timeline)]
    return [one for one in facts if one.get("name") == TOO_MANY]


async def test_what_comes_beyond_is_kept_told_and_not_answered(bench):
    for number in range(MOST + 2):
        bench.receive(f"I am driving. {number}")
    bench.receive("hello", sender="+491702")

    await bench.run(paced(bench, WRITTEN_AT + 1))

    assert len(bench.agent.turns) == MOST + 1
    assert "I am driving. 4" in [text for _, text in bench.lines()]
    assert [(note["reason"], note["in_an_hour"]) for note in notes(bench)] == [
        ("too_many_answers", MOST)
    ] * 2


async def test_the_count_outlives_a_start_and_ends_with_the_hour(bench):
    for number in range(MOST):
        bench.receive(f"{number}")
    await bench.run(paced(bench, WRITTEN_AT + 1))
    bench.receive("after a start")
    await bench.run(paced(bench, WRITTEN_AT + HOUR_S - 1))
    assert len(bench.agent.turns) == MOST

    bench.receive("after an hour")
    await bench.run(paced(bench, WRITTEN_AT + HOUR_S))

    assert bench.agent.turns[-1].text == "after an hour"
    assert len(notes(bench)) == 1


def test_the_answers_are_found_by_their_causes(bench):
    bench.receive("hi")
    ((_, message),) = bench.database.run(
        lambda connection: inbox.waiting(connection, after_seq=0, limit=1)
    )
    assert text_lines.reply_cause(message).startswith(text_lines.REPLY)
