"""Tests of gateway/store/backlog.py."""

from gateway.rooms.timeline import Entry, Kind
from gateway.store.backlog import Backlog
from gateway.store.writes import CallClosed, EntryAppended


def an_entry(number: int) -> EntryAppended:
    entry = Entry(room_id="r_1", call_id="c_1", kind=Kind.DTMF, offset_ms=float(number))
    return EntryAppended(f"e{number}", entry)


def a_record() -> CallClosed:
    return CallClosed(call_id="c_1", cause="busy", detail="", ended_ms=1.0)


def test_the_newest_entry_is_refused_and_counted_when_full():
    backlog = Backlog(4)

    accepted = [backlog.put(an_entry(number)) for number in range(6)]

    assert accepted == [True] * 4 + [False] * 2
    assert backlog.refused == 2
    assert backlog.waiting() == [an_entry(number) for number in range(4)]


def test_records_have_headroom_beyond_the_entries():
    backlog = Backlog(4)
    for number in range(4):
        backlog.put(an_entry(number))

    assert backlog.put(a_record())
    assert not backlog.put(a_record())
    assert not backlog.put(an_entry(9))


def test_what_was_taken_stays_until_it_is_done():
    backlog = Backlog(10)
    for number in range(3):
        backlog.put(an_entry(number))

    assert backlog.take(2, gather_s=0) == [an_entry(0), an_entry(1)]
    assert len(backlog) == 3

    backlog.done(2)
    assert backlog.take(2, gather_s=0) == [an_entry(2)]


def test_a_waiter_is_told_when_what_was_accepted_before_it_is_done():
    backlog = Backlog(10)
    told: list[str] = []
    backlog.put(an_entry(0))
    backlog.put(an_entry(1))
    backlog.when_done(lambda: told.append("first"))
    backlog.put(an_entry(2))
    backlog.when_done(lambda: told.append("second"))

    backlog.done(1)
    assert told == []
    backlog.done(1)
    assert told == ["first"]
    backlog.done(1)
    assert told == ["first", "second"]


def test_a_waiter_with_nothing_to_wait_for_is_told_at_once():
    told: list[str] = []

    Backlog(10).when_done(lambda: told.append("now"))

    assert told == ["now"]


def test_a_closed_backlog_refuses_and_ends_the_taking():
    backlog = Backlog(10)
    backlog.put(an_entry(0))
    backlog.close()

    assert not backlog.put(an_entry(1))
    assert backlog.take(5, gather_s=60) == [an_entry(0)]
    backlog.done(1)
    assert backlog.take(5, gather_s=60) == []
