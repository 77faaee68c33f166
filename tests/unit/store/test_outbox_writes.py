"""Tests of gateway/store/outbox_writes.py and outbox_reads.py, on a database in memory."""

import pytest
from sqlalchemy import insert, select, update

from gateway.model.messages import Accepted, Channel, Media, MessageStatus, Template
from gateway.rooms.access import ChannelAccess
from gateway.store import outbox_reads as reads
from gateway.store import outbox_writes as writes
from gateway.store import room_access
from gateway.store.message_records import Outcome
from gateway.store.message_states import Trigger
from gateway.store.outbox_writes import Acceptance, Failure, Verdict
from gateway.store.people import record_opt_out
from gateway.store.schema import rooms
from tests.support.direct_database import DirectDatabase
from tests.support.messages import outbound

FAILURE = Failure(code="30008", detail="unknown error")


@pytest.fixture
def connection():
    database = DirectDatabase()
    with database.begin() as connection:
        yield connection
    database.close()


def accept(connection, number=1, **more):
    return writes.accept(connection, outbound(number, **more), at=100.0, not_before=100.0)


def claim(connection, number=1, at=101.0):
    return writes.claim(connection, f"m_{number}", provider="twilio", at=at)


def stop(connection, source="s1", is_out=True):
    record_opt_out(connection, Channel.SMS, "+491701", is_out=is_out, at=100.0, source=source)


def test_a_message_is_read_back_as_it_was_accepted(connection):
    message = outbound(
        template=Template(content_sid="HX1", variables={"1": "Ann"}),
        media=(Media(url="https://example.org/a.png", content_type="image/png", size_bytes=7),),
        not_after=900.0,
        text="naïve 👩‍👩‍👧",
    )

    assert writes.accept(connection, message, at=100.0, not_before=150.0) == ("accepted", "m_1")

    record = writes.get(connection, "m_1")
    assert record is not None
    assert record.message == message
    assert (record.status, record.created_at, record.next_attempt_at) == ("queued", 100.0, 150.0)


def test_one_cause_has_one_message(connection):
    assert accept(connection) == (Acceptance.ACCEPTED, "m_1")
    # The same write again, after a commit whose fate was not known.
    assert accept(connection) == (Acceptance.ACCEPTED, "m_1")
    assert accept(connection, 2, cause="cause:1") == (Acceptance.DUPLICATE, "m_1")
    assert reads.counts(connection) == {MessageStatus.QUEUED: 1}


@pytest.mark.parametrize("missing", ["message_id", "cause"])
def test_a_message_without_id_or_cause_is_not_accepted(connection, missing):
    with pytest.raises(ValueError, match="an id and a cause"):
        accept(connection, **{missing: ""})


def mute(connection, is_muted=True):
    connection.execute(
        insert(rooms).values(room_id="r_1", number="", person="x", created_at=0.0, last_seq=0)
        if connection.execute(select(rooms)).first() is None
        else update(rooms).values(number="")
    )
    rules = ChannelAccess(is_muted=is_muted)
    room_access.set_access(connection, "r_1", Channel.SMS, rules, at=1.0)


def test_a_muted_channel_takes_nothing_and_sends_nothing_that_waits(connection):
    accept(connection, room_id="r_1")
    accept(connection, 2, room_id="r_1", channel=Channel.WHATSAPP)
    mute(connection)
    assert accept(connection, 3, room_id="r_1") == (Acceptance.MUTED, "")
    assert accept(connection, 4, room_id="r_2")[0] is Acceptance.ACCEPTED
    stopped = claim(connection, 1)
    assert (stopped.verdict, stopped.record.error_code) == (Verdict.STOPPED, "muted")
    assert claim(connection, 2).verdict is Verdict.SEND
    mute(connection, is_muted=False)
    assert accept(connection, 3, room_id="r_1")[0] is Acceptance.ACCEPTED
    # What was stopped is a dead letter, which an operator may send again.
    assert writes.replay(connection, "m_1", at=200.0).status is MessageStatus.QUEUED


def test_text_that_no_database_takes_is_cleaned(connection):
    accept(connection, text="a\x00b\ud83d")

    record = writes.get(connection, "m_1")
    assert record is not None
    assert record.message.text == "ab?"


def test_an_attempt_is_written_down_before_it_is_made(connection):
    accept(connection)

    claimed = claim(connection)

    assert claimed.verdict is Verdict.SEND
    assert claimed.record is not None
    assert (claimed.record.status, claimed.record.attempts) == (MessageStatus.SENDING, 1)
    (attempt,) = reads.attempts(connection, "m_1")
    assert (attempt.number, attempt.provider, attempt.outcome) == (1, "twilio", None)


def test_the_same_claim_again_is_granted_and_another_is_not(connection):
    accept(connection)
    claim(connection, at=101.0)

    assert claim(connection, at=101.0).verdict is Verdict.SEND
    assert claim(connection, at=102.0).verdict is Verdict.GONE
    assert len(reads.attempts(connection, "m_1")) == 1


def test_what_a_provider_took_is_sent_and_not_claimed_again(connection):
    accept(connection)
    claim(connection)

    record = writes.taken(connection, "m_1", Accepted(provider_id="SM1"), at=102.0)

    assert record is not None
    assert (record.status, record.provider_id, record.changed_at) == ("sent", "SM1", 102.0)
    assert claim(connection, at=103.0).verdict is Verdict.GONE
    assert reads.attempts(connection, "m_1")[0].outcome is Outcome.TAKEN


def test_a_postponed_message_waits_with_its_reason_and_can_be_claimed(connection):
    accept(connection)
    claim(connection)

    record = writes.not_taken(
        connection, "m_1", FAILURE, Trigger.POSTPONED, at=102.0, next_attempt_at=110.0
    )

    assert record is not None
    assert (record.status, record.error_code, record.next_attempt_at) == ("queued", "30008", 110.0)
    assert claim(connection, at=111.0).verdict is Verdict.SEND
    assert [attempt.outcome for attempt in reads.attempts(connection, "m_1")] == [
        Outcome.POSTPONED,
        None,
    ]


@pytest.mark.parametrize(
    ("trigger", "status"),
    [(Trigger.REFUSED, MessageStatus.FAILED), (Trigger.GIVEN_UP, MessageStatus.DEAD)],
)
def test_what_failed_for_good_is_told_until_noted_and_may_be_replayed(connection, trigger, status):
    accept(connection)
    claim(connection)
    for _ in range(2):  # a transaction may run twice
        record = writes.not_taken(connection, "m_1", FAILURE, trigger, at=102.0)

    assert record is not None
    assert (record.status, record.error_code) == (status, "30008")
    assert [item.message.message_id for item in reads.untold(connection, limit=9)] == ["m_1"]
    writes.told(connection, "m_1", at=103.0)
    assert reads.untold(connection, limit=9) == []

    for _ in range(2):
        replayed = writes.replay(connection, "m_1", at=200.0)
        assert replayed is not None
        assert (replayed.status, replayed.tries, replayed.attempts) == ("queued", 0, 1)
    assert claim(connection, at=201.0).verdict is Verdict.SEND


def test_only_what_failed_can_be_replayed(connection):
    accept(connection)

    assert writes.replay(connection, "m_1", at=200.0) is None
    assert writes.replay(connection, "m_9", at=200.0) is None


def test_nothing_is_accepted_for_one_who_opted_out(connection):
    stop(connection)

    assert accept(connection)[0] is Acceptance.OPTED_OUT
    assert accept(connection, 2, channel=Channel.WHATSAPP)[0] is Acceptance.OPTED_OUT
    assert accept(connection, 3, recipient="+491702")[0] is Acceptance.ACCEPTED
    stop(connection, "s2", is_out=False)
    assert accept(connection)[0] is Acceptance.ACCEPTED


def test_a_stop_after_acceptance_stops_the_message_at_its_claim(connection):
    accept(connection)
    stop(connection)

    claimed = claim(connection)

    assert claimed.verdict is Verdict.STOPPED
    assert claimed.record is not None
    assert (claimed.record.status, claimed.record.error_code) == ("failed", "opted_out")
    assert reads.attempts(connection, "m_1") == []


def test_what_is_of_no_use_any_more_is_a_dead_letter(connection):
    accept(connection, not_after=100.5)

    claimed = claim(connection)

    assert claimed.record is not None
    assert (claimed.verdict, claimed.record.status) == (Verdict.STOPPED, MessageStatus.DEAD)
    assert claimed.record.error_code == "expired"


def test_after_a_crash_what_was_being_sent_is_unknown_and_the_rest_waits_in_order(connection):
    for number in (1, 2, 3):
        accept(connection, number)
    claim(connection, 2, at=101.0)
    claim(connection, 3)
    writes.taken(connection, "m_3", Accepted(provider_id="SM3"), at=102.0)

    pending = reads.recover(connection, at=103.0, settle_s=10.0)

    assert [(item.message_id, item.is_unknown, item.due_at) for item in pending] == [
        ("m_1", False, 100.0),
        ("m_2", True, 111.0),
    ]
    assert reads.attempts(connection, "m_2")[0].outcome is Outcome.UNKNOWN
    # It may be claimed again once nothing more is to be learned.
    assert claim(connection, 2, at=120.0).verdict is Verdict.SEND


def test_an_answer_that_never_came_leaves_the_message_sending(connection):
    accept(connection)
    claim(connection)

    for _ in range(2):
        record = writes.unknown(connection, "m_1", FAILURE, at=102.0, next_attempt_at=112.0)

    assert record is not None
    assert (record.status, record.next_attempt_at) == (MessageStatus.SENDING, 112.0)


def test_messages_are_listed_newest_first_by_status_and_room(connection):
    for number in (1, 2, 3):
        accept(connection, number, room_id=f"r_{number % 2}")
    claim(connection, 3)

    def ids(**more):
        found = reads.list_messages(connection, limit=9, **more)
        return [record.message.message_id for record in found]

    assert ids() == ["m_3", "m_2", "m_1"]
    assert ids(room_id="r_1") == ["m_3", "m_1"]
    assert ids(statuses=[MessageStatus.QUEUED]) == ["m_2", "m_1"]
    assert ids(before_seq=2) == ["m_1"]
    found = reads.message_for_cause(connection, "cause:2")
    assert found is not None
    assert found.message.message_id == "m_2"
