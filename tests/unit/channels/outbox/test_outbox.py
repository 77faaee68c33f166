"""Tests of gateway/channels/outbox: what is accepted is sent once, or told to have failed. Virtual time."""

import asyncio
import itertools
import random

import pytest

from gateway.channels.outbox.outbox import Outbox
from gateway.channels.outbox.recipient_limit import RecipientLimit
from gateway.channels.outbox.retry import RetryPolicy
from gateway.model.messages import Accepted, Channel, MessageStatus, Receipt, SendFailed
from gateway.store import outbox_reads as reads
from gateway.store import outbox_writes as writes
from gateway.store.outbox_writes import Acceptance
from gateway.store.people import link, record_opt_out
from tests.support.fake_transport import (
    LATER,
    REFUSED,
    FakeTransport,
    FindingTransport,
    KeyTransport,
)
from tests.support.messages import outbound

QUICK = RetryPolicy(tries_most=4, first_s=2.0, most_s=60.0, settle_s=10.0)


def clock() -> float:
    return 1_000_000.0 + asyncio.get_running_loop().time()


class Desk:
    """Makes outboxes on one database, as lives of one gateway, and closes them."""

    def __init__(self, database) -> None:
        self.database = database
        self.failed: list[tuple[str, str]] = []
        self.changes: list[tuple[str, str]] = []
        self._open: list[Outbox] = []

    async def open(self, *transports, **more) -> Outbox:
        async def on_failed(record):
            self.failed.append((record.message.message_id, record.error_code))

        def on_change(record):
            self.changes.append((record.message.message_id, record.status.value))

        options = {"on_failed": on_failed, "on_change": on_change} | more
        outbox = Outbox(
            self.database,
            transports,
            clock=clock,
            policy=QUICK,
            dice=random.Random(1),
            limit=RecipientLimit(burst=1000),
            **options,
        )
        await outbox.start()
        self._open.append(outbox)
        return outbox

    async def close(self):
        for outbox in self._open:
            await outbox.close(0.0)

    def status(self, number=1):
        record = self.database.run(lambda connection: writes.get(connection, f"m_{number}"))
        assert record is not None
        return record.status

    def outcomes(self, number=1):
        attempts = self.database.run(lambda connection: reads.attempts(connection, f"m_{number}"))
        return [attempt.outcome for attempt in attempts]


@pytest.fixture
async def desk(database):
    desk = Desk(database)
    yield desk
    await desk.close()


async def kill(outbox: Outbox) -> None:
    """End an outbox in the middle of everything."""
    await outbox.close(0.0)


async def test_an_accepted_message_is_sent_once(desk):
    transport = FakeTransport()
    outbox = await desk.open(transport)

    accepted = await outbox.accept(outbound())
    assert accepted.acceptance is Acceptance.ACCEPTED
    await asyncio.sleep(0.05)
    # Written down before it is sent.
    assert (desk.status(), desk.outcomes()) == (MessageStatus.SENDING, [None])
    await asyncio.sleep(60)

    assert transport.taken == [outbound()]
    assert desk.status() is MessageStatus.SENT
    assert desk.changes == [("m_1", "queued"), ("m_1", "sent")]
    assert outbox.pending == 0


async def test_a_second_message_for_one_cause_is_not_accepted(desk):
    transport = FakeTransport()
    outbox = await desk.open(transport)

    await outbox.accept(outbound(1))
    again = await outbox.accept(outbound(2, cause="cause:1"))
    await asyncio.sleep(60)

    assert (again.acceptance, again.message_id) == (Acceptance.DUPLICATE, "m_1")
    assert transport.taken_ids == ["m_1"]


async def test_messages_to_one_person_keep_their_order_through_failures(desk):
    transport = FakeTransport([LATER, None, LATER, LATER])
    outbox = await desk.open(transport)

    for number in range(1, 6):
        await outbox.accept(outbound(number))
    await asyncio.sleep(300)

    assert transport.taken_ids == [f"m_{number}" for number in range(1, 6)]
    assert transport.under_way_most == 1


async def test_people_are_written_to_side_by_side_within_a_bound(desk):
    transport = FakeTransport(takes_s=1.0)
    outbox = await desk.open(transport)

    for number in range(100):
        await outbox.accept(outbound(number, recipient=f"+49{number}"))
    await asyncio.sleep(60)

    assert len(transport.taken) == 100
    assert transport.under_way_most == 16


async def test_a_message_is_tried_again_with_growing_delays_then_given_up_and_told(desk):
    transport = FakeTransport()
    transport.always = LATER
    outbox = await desk.open(transport)

    await outbox.accept(outbound())
    await asyncio.sleep(300)

    assert desk.status() is MessageStatus.DEAD
    assert desk.failed == [("m_1", "20429")]
    times = [at for at, _ in transport.asked]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(times) == 4
    for gap, full_s in zip(gaps, (2, 4, 8), strict=True):
        assert full_s / 2 <= gap <= full_s + 0.2


async def test_a_provider_that_names_a_time_is_not_asked_before(desk):
    patience = SendFailed("429", "wait", may_retry=True, retry_after_s=40.0)
    transport = FakeTransport([patience])
    outbox = await desk.open(transport)

    await outbox.accept(outbound())
    await asyncio.sleep(100)

    (first, _), (second, _) = transport.asked
    assert second - first >= 40.0


async def test_a_refusal_is_final_and_told_once(desk):
    transport = FakeTransport([REFUSED])
    outbox = await desk.open(transport)

    await outbox.accept(outbound(1))
    await outbox.accept(outbound(2))
    await asyncio.sleep(300)

    assert desk.status(1) is MessageStatus.FAILED
    assert desk.failed == [("m_1", "21211")]
    assert transport.taken_ids == ["m_2"]


async def test_a_message_of_no_use_later_is_given_up_as_soon_as_that_is_sure(desk):
    transport = FakeTransport()
    transport.always = LATER
    outbox = await desk.open(transport)

    await outbox.accept(outbound(not_after=clock() + 4.0))
    await asyncio.sleep(4.0)

    assert desk.status() is MessageStatus.DEAD
    assert desk.failed == [("m_1", "20429")]


async def test_a_message_put_off_is_sent_then_also_by_a_later_life(desk):
    transport = FakeTransport()
    outbox = await desk.open(transport)
    await outbox.accept(outbound(1), not_before=clock() + 3600.0)
    await outbox.accept(outbound(2))
    await asyncio.sleep(60)
    assert transport.taken_ids == ["m_2"]

    await kill(outbox)
    await desk.open(transport)
    await asyncio.sleep(3500)
    assert transport.taken_ids == ["m_2"]
    await asyncio.sleep(60)

    assert transport.taken_ids == ["m_2", "m_1"]


async def test_a_lost_answer_is_looked_into_before_there_is_another_attempt(desk):
    transport = FindingTransport(["lost"])
    outbox = await desk.open(transport)

    await outbox.accept(outbound())
    await asyncio.sleep(60)

    assert transport.taken_ids == ["m_1"]
    assert desk.status() is MessageStatus.SENT
    assert transport.sinces[0] <= clock() - 59


async def test_an_attempt_that_did_not_arrive_is_made_again(desk):
    broken = SendFailed("broken", "connection reset", may_retry=True, is_unknown=True)
    transport = FindingTransport([broken])
    outbox = await desk.open(transport)

    await outbox.accept(outbound())
    await asyncio.sleep(60)

    assert transport.taken_ids == ["m_1"]
    assert desk.outcomes() == ["unknown", "taken"]


async def test_the_same_words_a_moment_before_do_not_count_as_this_message(desk):
    class ByWords(FindingTransport):
        async def find(self, message, *, since):
            same = [number for number, one in enumerate(self.taken) if one.text == message.text]
            return Accepted(provider_id=f"SM{same[-1]}") if same else None

    broken = SendFailed("broken", "connection reset", may_retry=True, is_unknown=True)
    transport = ByWords([Accepted(provider_id="SM0"), broken, Accepted(provider_id="SM1")])
    outbox = await desk.open(transport)

    for number in (1, 2):
        await outbox.accept(outbound(number, text="Yes."))
    await asyncio.sleep(60)

    assert transport.taken_ids == ["m_1", "m_2"]
    assert desk.outcomes(2) == ["unknown", "taken"]


async def test_a_provider_that_does_not_tell_is_asked_again_but_sent_nothing(desk):
    transport = FindingTransport(["lost"])
    transport.find_steps.extend([LATER, LATER])
    outbox = await desk.open(transport)

    await outbox.accept(outbound())
    await asyncio.sleep(120)

    assert transport.taken_ids == ["m_1"]
    assert desk.status() is MessageStatus.SENT


async def test_an_outcome_that_stays_unknown_is_a_dead_letter_not_a_second_message(desk):
    transport = FindingTransport(["lost"])
    transport.find_always = LATER
    outbox = await desk.open(transport)

    await outbox.accept(outbound())
    await asyncio.sleep(600)

    assert transport.taken_ids == ["m_1"]
    assert desk.status() is MessageStatus.DEAD
    assert desk.failed == [("m_1", "outcome_unknown")]


async def test_a_provider_that_takes_long_by_itself_is_not_cut_off_and_sent_the_same_again(desk):
    class Slow(FakeTransport):
        send_bound_s = 200.0

    transport = Slow(takes_s=100.0)
    outbox = await desk.open(transport)

    await outbox.accept(outbound())
    await asyncio.sleep(600)

    assert transport.taken_ids == ["m_1"]
    assert desk.status() is MessageStatus.SENT


async def test_a_provider_with_keys_is_sent_the_same_message_again(desk):
    transport = KeyTransport(["lost", "hang"])
    outbox = await desk.open(transport)

    await outbox.accept(outbound())
    await asyncio.sleep(120)

    assert len(transport.asked) == 3
    assert transport.taken_ids == ["m_1"]
    assert desk.status() is MessageStatus.SENT


async def test_a_receipt_tells_what_a_provider_that_cannot_be_asked_took(desk):
    transport = FakeTransport(["lost"])
    outbox = await desk.open(transport)
    await outbox.accept(outbound())
    await asyncio.sleep(1)

    record = await outbox.receive(
        Receipt(
            provider="fake",
            provider_id="SM9",
            status=MessageStatus.DELIVERED,
            at=clock(),
            message_id="m_1",
        )
    )
    await asyncio.sleep(120)

    assert record is not None
    assert (record.status, record.provider_id) == (MessageStatus.DELIVERED, "SM9")
    assert transport.taken_ids == ["m_1"]
    assert outbox.pending == 0


async def test_without_any_means_to_know_a_message_is_sent_again_rather_than_lost(desk):
    transport = FakeTransport(["lost"])
    outbox = await desk.open(transport)

    await outbox.accept(outbound())
    await asyncio.sleep(120)

    assert transport.taken_ids == ["m_1", "m_1"]


async def test_a_transport_with_a_bug_costs_one_attempt_not_the_outbox(desk):
    transport = FindingTransport([ZeroDivisionError("a bug")])
    outbox = await desk.open(transport)

    await outbox.accept(outbound())
    await asyncio.sleep(120)

    assert transport.taken_ids == ["m_1"]


async def test_a_provider_that_is_down_is_left_alone_and_then_gets_all(desk):
    transport = FakeTransport(channels=[Channel.SMS])
    transport.always = LATER
    other = FakeTransport(provider="other", channels=[Channel.EMAIL])
    outbox = await desk.open(transport, other)

    for number in range(50):
        await outbox.accept(outbound(number, recipient=f"+49{number}"))
    await outbox.accept(outbound(99, channel=Channel.EMAIL, recipient="a@b"))
    await asyncio.sleep(25)
    asked_while_down = len(transport.asked)
    transport.always = None
    await asyncio.sleep(300)

    assert asked_while_down <= 2 * 16
    assert other.taken_ids == ["m_99"]
    assert len(transport.taken) == len(set(transport.taken_ids)) == 50


async def test_before_the_end_what_is_due_may_leave(desk):
    transport = FakeTransport(takes_s=1.0)
    outbox = await desk.open(transport)
    for number in range(5):
        await outbox.accept(outbound(number))
    await outbox.accept(outbound(9, recipient="+491702"), not_before=clock() + 3600)
    began_s = asyncio.get_running_loop().time()

    await outbox.finish(60)

    assert transport.taken_ids == [f"m_{number}" for number in range(5)]
    assert asyncio.get_running_loop().time() - began_s < 10
    # What is not due is left to the next life.
    assert desk.status(9) is MessageStatus.QUEUED


@pytest.mark.parametrize("always", [LATER, "hang"])
async def test_a_provider_that_is_away_does_not_hold_up_the_end(desk, always):
    transport = FakeTransport()
    transport.always = always
    outbox = await desk.open(transport)
    for number in range(20):
        await outbox.accept(outbound(number, recipient=f"+4917{number}"))
    began_s = asyncio.get_running_loop().time()

    await outbox.finish(3)

    assert asyncio.get_running_loop().time() - began_s < 3.1
    assert desk.status(1) in (MessageStatus.QUEUED, MessageStatus.SENDING)


async def test_one_person_is_not_flooded(desk):
    transport = FakeTransport()
    outbox = Outbox(
        desk.database, [transport], clock=clock, limit=RecipientLimit(burst=2, interval_s=10.0)
    )
    await outbox.start()

    for number in range(5):
        # Another channel is the same person.
        channel = Channel.SMS if number % 2 else Channel.WHATSAPP
        await outbox.accept(outbound(number, channel=channel))
    await asyncio.sleep(15)
    assert len(transport.taken) == 3
    await asyncio.sleep(30)
    await outbox.close()

    assert len(transport.taken) == 5


async def test_a_person_who_stopped_gets_nothing_more_by_any_address(desk):
    transport = FakeTransport(takes_s=1.0)
    outbox = await desk.open(transport)
    desk.database.run(lambda connection: link(connection, "email:a@b", "+491701", at=1.0))
    for number in (1, 2):
        await outbox.accept(outbound(number))
    await outbox.accept(outbound(3), not_before=clock() + 100.0)
    await outbox.accept(
        outbound(4, channel=Channel.EMAIL, recipient="A@b"), not_before=clock() + 100.0
    )
    await asyncio.sleep(0.5)

    desk.database.run(
        lambda connection: record_opt_out(
            connection, Channel.SMS, "+491701", is_out=True, at=clock(), source="SM-stop"
        )
    )
    refused = await outbox.accept(outbound(5))
    await asyncio.sleep(200)

    assert transport.taken_ids == ["m_1"]  # it was under way
    assert refused.acceptance is Acceptance.OPTED_OUT
    assert sorted(desk.failed) == [(f"m_{number}", "opted_out") for number in (2, 3, 4)]


async def test_dead_letters_are_replayed(desk):
    transport = FakeTransport([REFUSED])
    outbox = await desk.open(transport)
    await outbox.accept(outbound(not_after=clock() + 30.0))
    await asyncio.sleep(60)
    assert desk.status() is MessageStatus.FAILED

    assert await outbox.replay("m_1") is not None
    assert await outbox.replay("m_1") is None  # it waits already
    await asyncio.sleep(60)

    assert transport.taken_ids == ["m_1"]
    assert desk.status() is MessageStatus.SENT
    assert await outbox.replay("m_9") is None


async def test_a_channel_nobody_serves_fails_at_once_and_is_told(desk):
    outbox = await desk.open(FakeTransport(channels=[Channel.SMS]))

    await outbox.accept(outbound(channel=Channel.TEAMS))
    await asyncio.sleep(1)

    assert desk.status() is MessageStatus.DEAD
    assert desk.failed == [("m_1", "no_transport")]


async def test_a_full_outbox_refuses_and_writes_nothing(desk):
    outbox = await desk.open(FakeTransport(), pending_most=2)

    outcomes = await asyncio.gather(
        *(outbox.accept(outbound(number), not_before=clock() + 9.0) for number in range(4))
    )

    assert [outcome.acceptance for outcome in outcomes].count(Acceptance.FULL) == 2
    assert desk.database.run(reads.counts) == {MessageStatus.QUEUED: 2}


async def test_failures_are_told_until_somebody_takes_note_across_lives(desk):
    told = []

    async def on_failed(record):
        told.append(record.message.message_id)
        if len(told) < 3:
            raise RuntimeError("not now")

    outbox = await desk.open(FakeTransport([REFUSED]), on_failed=on_failed)
    await outbox.accept(outbound())
    await asyncio.sleep(1)
    assert told == ["m_1"]
    await kill(outbox)

    await desk.open(FakeTransport(), on_failed=on_failed)
    await asyncio.sleep(100)

    assert told == ["m_1"] * 3


async def test_many_failures_are_told_at_once_whatever_cannot_be_told(desk):
    told = set()

    async def on_failed(record):
        if record.seq <= 120:
            raise RuntimeError("never")
        told.add(record.seq)

    transport = FakeTransport(takes_s=0.0)
    transport.always = REFUSED
    outbox = await desk.open(transport, on_failed=on_failed)
    for number in range(1, 401):
        await outbox.accept(outbound(number, recipient=f"+4917{number}"))
    await asyncio.sleep(10)
    assert told == set(range(121, 401))


async def test_a_failure_that_a_receipt_reports_is_told(desk):
    outbox = await desk.open(FakeTransport())
    await outbox.accept(outbound())
    await asyncio.sleep(1)

    await outbox.receive(
        Receipt(
            provider="fake",
            provider_id="SM-m_1-1",
            status=MessageStatus.FAILED,
            at=clock(),
            error_code="30005",
        )
    )
    await asyncio.sleep(1)

    assert desk.failed == [("m_1", "30005")]


async def test_a_caller_that_is_cancelled_does_not_keep_a_message_from_being_sent(desk):
    transport = FakeTransport()
    outbox = await desk.open(transport)
    release = asyncio.Event()
    transact = desk.database.transact

    async def slow(work):
        result = await transact(work)
        await release.wait()
        return result

    desk.database.transact = slow
    accepting = asyncio.create_task(outbox.accept(outbound()))
    await asyncio.sleep(1)
    accepting.cancel()
    await asyncio.sleep(1)
    release.set()
    await asyncio.sleep(60)

    assert transport.taken_ids == ["m_1"]


async def test_a_message_taken_when_the_process_ended_is_not_sent_by_the_next(desk):
    transport = FindingTransport(["hang"])
    outbox = await desk.open(transport)
    await outbox.accept(outbound())
    await asyncio.sleep(1)
    await kill(outbox)
    assert desk.status() is MessageStatus.SENDING

    await desk.open(transport)
    await asyncio.sleep(60)

    assert transport.taken_ids == ["m_1"]
    assert desk.status() is MessageStatus.SENT


async def test_an_answer_with_a_status_of_its_own_is_kept(desk):
    transport = FakeTransport([Accepted(provider_id="X1", status=MessageStatus.DELIVERED)])
    outbox = await desk.open(transport)

    await outbox.accept(outbound())
    await asyncio.sleep(1)

    assert desk.status() is MessageStatus.DELIVERED
