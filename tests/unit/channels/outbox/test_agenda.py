"""Tests of gateway/channels/outbox/agenda.py."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.channels.outbox.agenda import Agenda, Item
from gateway.model.messages import Channel


def item(seq: int, *, person="+491", due_at=0.0, holds_lane=False) -> Item:
    return Item(
        message_id=f"m_{seq}",
        seq=seq,
        lane=(Channel.SMS, "+4930100", person),
        due_at=due_at,
        holds_lane=holds_lane,
    )


def taken_id(agenda: Agenda, now: float) -> str | None:
    taken = agenda.take(now)
    return None if taken is None else taken.message_id


def test_one_person_is_sent_one_message_after_the_other_in_order():
    agenda = Agenda()
    second, first = item(2), item(1)
    agenda.add(second)
    agenda.add(first)

    assert agenda.take(0.0) is first
    assert agenda.take(0.0) is None
    agenda.finish(first)
    assert agenda.take(0.0) is second
    agenda.finish(second)
    assert (len(agenda), agenda.next_at()) == (0, None)


def test_people_do_not_wait_for_each_other():
    agenda = Agenda()
    for seq in range(3):
        agenda.add(item(seq, person=f"+49{seq}"))

    assert {taken_id(agenda, 0.0) for _ in range(3)} == {"m_0", "m_1", "m_2"}


def test_what_waits_for_its_next_attempt_holds_up_those_behind_it():
    agenda = Agenda()
    first, second = item(1), item(2)
    agenda.add(first)
    agenda.add(second)

    agenda.take(0.0)
    agenda.put_back(first, due_at=10.0)

    assert agenda.take(9.0) is None
    assert agenda.next_at() == 10.0
    assert agenda.take(10.0) is first


def test_what_is_put_off_until_morning_holds_up_nobody():
    agenda = Agenda()
    put_off, now = item(1, due_at=1000.0), item(2)
    agenda.add(put_off)
    agenda.add(now)

    assert agenda.take(0.0) is now
    agenda.finish(now)
    assert agenda.next_at() == 1000.0
    assert agenda.take(1000.0) is put_off


def test_a_message_is_known_once():
    agenda = Agenda()
    agenda.add(item(1))
    agenda.add(item(1))

    assert len(agenda) == 1
    taken = agenda.take(0.0)
    agenda.add(item(1))
    assert taken is not None
    agenda.finish(taken)
    assert "m_1" not in agenda


def test_what_was_settled_otherwise_is_forgotten_unless_under_way():
    agenda = Agenda()
    first, second = item(1), item(2)
    agenda.add(first)
    agenda.add(second)
    agenda.take(0.0)

    agenda.discard("m_1")
    agenda.discard("m_2")
    agenda.discard("m_9")

    assert [waiting.message_id for waiting in agenda] == ["m_1"]
    agenda.finish(first)
    assert len(agenda) == 0
    agenda.add(item(3))
    assert taken_id(agenda, 0.0) == "m_3"


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 2), st.integers(0, 5)),
        st.tuples(st.just("take"), st.just(0), st.just(0)),
        st.tuples(st.just("finish"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("put_back"), st.integers(0, 9), st.integers(0, 5)),
        st.tuples(st.just("discard"), st.integers(1, 20), st.just(0)),
        st.tuples(st.just("wait"), st.integers(1, 3), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=200)
@given(STEPS)
def test_nothing_is_forgotten_doubled_or_out_of_order(steps):
    agenda, now, seq = Agenda(), 0.0, 0
    known: dict[str, Item] = {}
    under_way: list[Item] = []
    started: set[str] = set()
    for what, number, delay in steps:
        if what == "add":
            seq += 1
            new = item(seq, person=f"+49{number}", due_at=now + delay)
            known[new.message_id] = new
            agenda.add(new)
        elif what == "take":
            taken = agenda.take(now)
            if taken is not None:
                assert taken.due_at <= now
                assert taken.lane not in {other.lane for other in under_way}
                ahead = [
                    other
                    for other in known.values()
                    if other.lane == taken.lane and other.seq < taken.seq
                ]
                assert all(
                    other.message_id not in started and other.due_at > now for other in ahead
                )
                under_way.append(taken)
                started.add(taken.message_id)
        elif what in ("finish", "put_back") and under_way:
            done = under_way.pop(number % len(under_way))
            if what == "finish":
                agenda.finish(done)
                del known[done.message_id]
            else:
                agenda.put_back(done, due_at=now + delay)
        elif what == "discard":
            agenda.discard(f"m_{number}")
            if f"m_{number}" not in {other.message_id for other in under_way}:
                known.pop(f"m_{number}", None)
        elif what == "wait":
            now += number
        assert {waiting.message_id for waiting in agenda} == set(known)

    for done in under_way:
        agenda.finish(done)
        del known[done.message_id]
    while (next_at := agenda.next_at()) is not None:
        now = max(now, next_at)
        taken = agenda.take(now)
        if taken is not None:
            agenda.finish(taken)
            del known[taken.message_id]
    assert known == {}
    assert len(agenda) == 0
