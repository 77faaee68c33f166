"""Events told to a real HTTP server, checked by the reference library of Standard Webhooks."""

import asyncio
import base64
import json
import random
import time
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select
from standardwebhooks.webhooks import Webhook

from gateway.channels.provider_session import ProviderSession
from gateway.config.event_webhooks import EventType, EventWebhookSection
from gateway.errors import StoreError
from gateway.event_webhooks import herald as herald_module
from gateway.event_webhooks import postman as postman_module
from gateway.event_webhooks.events import call_ended, call_started
from gateway.event_webhooks.herald import Herald
from gateway.event_webhooks.postman import PAUSES_S, Postman, pause_after
from gateway.event_webhooks.webhooks import EventWebhooks
from gateway.http import event_webhooks as routes
from gateway.metrics import Metrics
from gateway.model.events import EndpointKind, Offered
from gateway.model.hangup import HangupCause
from gateway.model.messages import Channel, InboundMessage, MessageStatus
from gateway.rooms.live_record import record_of_offer
from gateway.rooms.timeline import Entry, Kind
from gateway.rooms.watched_recorder import CallEnd
from gateway.store import event_rows
from gateway.store.event_rows import EventState
from gateway.store.message_records import MessageRecord
from gateway.store.schema_events import event_webhooks as table
from gateway.store.store import Store
from tests.support.direct_database import DirectDatabase
from tests.support.fake_http_ports import FakeGateway
from tests.support.messages import outbound

KEY = b"k" * 32
SECRET = "whsec_" + base64.b64encode(KEY).decode()


class Program:
    """The operator's program: keeps what it is told, and answers as asked."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict]] = []
        self.answers: list[web.Response] = []
        self.asked = 0

    async def handle(self, request: web.Request) -> web.Response:
        self.asked += 1
        body = await request.text()
        Webhook(SECRET).verify(body, dict(request.headers))  # raises when it is not genuine
        answer = self.answers.pop(0) if self.answers else web.Response()
        if answer.status < 300:
            self.told.append((request.headers["webhook-id"], json.loads(body)))
        return answer

    def types(self) -> list[str]:
        return [body["type"] for _, body in self.told]


@pytest.fixture
def program() -> Program:
    return Program()


@pytest.fixture
async def url(program):
    app = web.Application()
    app.router.add_post("/events", program.handle)
    async with TestServer(app) as server:
        yield str(server.make_url("/events"))


@pytest.fixture
def database():
    database = DirectDatabase()
    yield database
    database.close()


def section(url: str, **more) -> EventWebhookSection:
    return EventWebhookSection(url=url, secret_file=Path("secret"), **more)


def webhooks(database, url: str, metrics: Metrics | None = None, **more) -> EventWebhooks:
    return EventWebhooks(
        database, {"crm": section(url, **more)}, {"crm": KEY}, metrics or Metrics()
    )


def offered(call_id: str = "c_1") -> Offered:
    return Offered(
        call_id=call_id,
        at_s=time.monotonic(),
        endpoint=EndpointKind.SIP,
        caller="+4930123456",
        callee="100",
    )


def take_call(herald: Herald, call_id: str = "c_1") -> None:
    herald.call_offered(offered(call_id), room_id="r_1", agent="desk")
    herald.appended(Entry(room_id="r_1", call_id=call_id, kind=Kind.ANSWERED, offset_ms=40.0))
    end = CallEnd(call_id=call_id, cause=HangupCause.CALLER_HUNG_UP, detail="BYE", offset_ms=2040.0)
    herald.call_ended(end)


def message_record(status: MessageStatus, changed_at: float = 1e9) -> MessageRecord:
    return MessageRecord(
        seq=1,
        message=outbound(1),
        status=status,
        created_at=1e9,
        changed_at=changed_at,
        next_attempt_at=1e9,
        attempts=1,
        tries=1,
        provider="twilio",
        provider_id="SM1",
        error_code="",
        error_detail="",
    )


async def until(condition, bound_s: float = 5.0) -> None:
    async with asyncio.timeout(bound_s):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def rows(database) -> list[tuple[str, str, int]]:
    found = database.run(lambda c: c.execute(select(table).order_by(table.c.created_at)).all())
    return [(row.type, row.state, row.attempts) for row in found]


# What is told -----------------------------------------------------------------------------------------


async def test_a_call_is_told_with_its_beginning_and_its_detail_record(database, url, program):
    hooks = webhooks(database, url)
    await hooks.start()
    take_call(hooks.herald)
    await until(lambda: len(program.told) == 2)
    await hooks.close()

    told = {body["type"]: body for _, body in program.told}
    started, ended = told["call.started"]["data"], told["call.ended"]["data"]
    assert (started["call_id"], started["caller"], started["agent"]) == (
        "c_1",
        "+4930123456",
        "desk",
    )
    assert "cause" not in started
    assert (ended["cause"], ended["group"], ended["detail"]) == ("caller_hung_up", "caller", "BYE")
    assert (ended["ring_s"], ended["talk_s"]) == (0.04, 2.0)
    assert ended["offered_at"] == started["offered_at"]
    assert told["call.ended"]["timestamp"] == ended["ended_at"]
    ids = [event_id for event_id, _ in program.told]
    assert len(set(ids)) == 2
    assert not any("." in event_id for event_id in ids)


async def test_messages_are_told_both_ways(database, url, program):
    hooks = webhooks(database, url)
    await hooks.start()
    hooks.herald.received(
        InboundMessage(
            provider="twilio",
            provider_id="SM9",
            channel=Channel.SMS,
            sender="+491701",
            recipient="+4930100",
            text="Grüße ☎",
            received_at=1e9,
        )
    )
    for number, status in enumerate(
        (MessageStatus.QUEUED, MessageStatus.SENDING, MessageStatus.SENT, MessageStatus.SENT)
    ):
        # The last two are one: the same status at the same moment.
        hooks.herald.changed(message_record(status, 1e9 + min(number, 2)))
    await until(lambda: len(program.told) == 3)
    await hooks.close()

    (received,) = [body for _, body in program.told if body["type"] == "message.received"]
    assert (received["data"]["text"], received["data"]["from"]) == ("Grüße ☎", "+491701")
    statuses = [
        body["data"]["status"] for _, body in program.told if body["type"] == "message.status"
    ]
    assert sorted(statuses) == ["queued", "sent"]


async def test_a_target_is_told_only_what_it_wants(database, url, program):
    hooks = webhooks(database, url, events=(EventType.CALL_ENDED,))
    await hooks.start()
    take_call(hooks.herald)
    await until(lambda: program.told)
    await hooks.close()
    assert program.types() == ["call.ended"]


# What goes wrong --------------------------------------------------------------------------------------


async def test_a_failure_is_tried_again_later_with_the_same_id(database, url, program):
    clock = [1e9]
    counted: list[str] = []
    postman = Postman(
        "crm",
        section(url),
        KEY,
        database,
        count=lambda outcome, _: counted.append(outcome),
        clock=lambda: max(clock[0], time.time()),
        dice=random.Random(1),
    )
    event = call_started(record_of_offer(offered(), room_id="r_1", agent="desk"))
    row = event_rows.EventRow(
        event_id=event.event_id,
        target="crm",
        type=event.type.value,
        subject=event.subject,
        body=event.body(),
        created_at=event.at,
    )
    database.run(lambda c: event_rows.add(c, [row], waiting_most=10))
    program.answers = [web.Response(status=500), web.Response(status=404)]

    assert await postman.work() == 0.0
    assert rows(database) == [("call.started", "pending", 1)]
    wait_s = await postman.work()
    assert 4 < wait_s <= 6.1
    assert program.asked == 1
    database.run(lambda c: c.execute(table.update().values(next_attempt_at=0.0)))
    await postman.work()
    assert rows(database) == [("call.started", "pending", 2)]
    database.run(lambda c: c.execute(table.update().values(next_attempt_at=0.0)))
    await postman.work()
    await postman.close()

    assert rows(database) == [("call.started", "delivered", 3)]
    assert [event_id for event_id, _ in program.told] == [event.event_id]
    assert counted == ["failed", "failed", "delivered"]


@pytest.mark.parametrize(
    ("answers", "tries", "attempts"),
    [([410], 10, 1), ([500, 500], 2, 2), ([302], 1, 1)],
)
async def test_an_event_is_given_up_in_the_end(database, url, program, answers, tries, attempts):
    metrics = Metrics()
    hooks = webhooks(database, url, metrics, tries=tries, events=(EventType.CALL_STARTED,))
    program.answers = [
        web.Response(status=status, headers={"Location": "/elsewhere"}) for status in answers
    ]
    await hooks.start()
    take_call(hooks.herald)
    await until(lambda: rows(database) and rows(database)[0][2] == 1)
    if attempts > 1:
        database.run(lambda c: c.execute(table.update().values(next_attempt_at=0.0)))
        hooks._wake()
    await until(lambda: rows(database) == [("call.started", "dead", attempts)])
    await hooks.close()
    assert (
        metrics.registry.get_sample_value("offhook_event_webhooks_total", {"outcome": "dead"}) == 1
    )
    assert program.told == []


async def test_what_was_given_up_is_listed_and_told_again(database, url, program):
    fake = FakeGateway()
    hooks = webhooks(database, url, tries=1, events=(EventType.CALL_STARTED,))
    app = fake.app()
    routes.add_routes(app, hooks)
    program.answers = [web.Response(status=500)]
    await hooks.start()
    take_call(hooks.herald)
    await until(lambda: rows(database) == [("call.started", "dead", 1)])
    headers = {"Authorization": f"Bearer {'t' * 40}"}
    async with TestClient(TestServer(app), headers=headers) as client:
        body = await (await client.get("/api/v1/event-webhooks?state=dead")).json()
        assert body["counts"] == {"pending": 0, "delivered": 0, "dead": 1}
        (event,) = body["events"]
        assert (event["type"], event["subject"], event["error"]) == (
            "call.started",
            "c_1",
            "http_500",
        )
        assert "+4930123456" not in json.dumps(body)
        path = f"/api/v1/event-webhooks/{event['event_id']}/replay"
        assert (await client.post(path)).status == 202
        await until(lambda: program.types() == ["call.started"])
        assert (await client.post(path)).status == 409
        assert (await client.get("/api/v1/event-webhooks?state=eaten")).status == 400
    await hooks.close()


async def test_the_program_may_ask_for_time(database, url, program):
    program.answers = [web.Response(status=503, headers={"Retry-After": "600"})]
    hooks = webhooks(database, url, events=(EventType.CALL_STARTED,))
    await hooks.start()
    take_call(hooks.herald)
    await until(lambda: rows(database) == [("call.started", "pending", 1)])
    await hooks.close()
    due = database.run(lambda c: event_rows.next_due(c, "crm"))
    assert due - time.time() == pytest.approx(600, abs=10)


async def test_nobody_there_is_a_failure_like_others(database):
    hooks = webhooks(database, "http://127.0.0.1:9/events", events=(EventType.CALL_STARTED,))
    await hooks.start()
    take_call(hooks.herald)
    await until(lambda: rows(database) == [("call.started", "pending", 1)])
    await hooks.close()
    await hooks.close()


def test_pauses_grow_and_are_spread() -> None:
    assert pause_after(0, 0.0) == 5
    assert pause_after(0, 1.0) == 6
    assert [pause_after(number, 0.0) for number in range(12)] == sorted(
        pause_after(number, 0.0) for number in range(12)
    )
    assert sum(PAUSES_S) > 3 * 86_400 - 20_000


# Crashes, floods ----------------------------------------------------------------------------------------


async def test_what_waits_outlives_the_gateway(tmp_path, url, program):
    store = Store(tmp_path)
    await store.start()
    hooks = webhooks(store, "http://127.0.0.1:9/events")
    await hooks.start()
    take_call(hooks.herald)
    await hooks.close()  # what happened last is on the disk, though nobody was there to be told
    await store.close()

    again = Store(tmp_path)
    await again.start()
    await again.transact(lambda c: c.execute(table.update().values(next_attempt_at=0.0)))
    hooks = webhooks(again, url)
    await hooks.start()
    await until(lambda: len(program.told) == 2)
    await hooks.close()
    await again.close()
    assert sorted(program.types()) == ["call.ended", "call.started"]


async def test_the_end_of_a_call_that_a_crash_cut_off_is_told_once(tmp_path, url, program):
    store = Store(tmp_path)
    await store.start()
    room = await store.room_for(number="100", person="+491")
    hooks = webhooks(store, url)
    await hooks.start()
    store.call_offered(offered(), room_id=room.room_id, agent="desk")
    hooks.herald.call_offered(offered(), room_id=room.room_id, agent="desk")
    await until(lambda: program.types() == ["call.started"])
    await hooks.close()
    await store.close()  # without the call's end, as after a kill

    for _ in range(2):
        again = Store(tmp_path)
        await again.start()  # closes the record that was left open
        hooks = webhooks(again, url)
        await hooks.start()
        await until(lambda: len(program.told) >= 2)
        await hooks.close()
        await again.close()
    assert program.types() == ["call.started", "call.ended"]
    assert program.told[1][1]["data"]["cause"]


async def test_whoever_is_told_of_ends_only_is_told_of_a_call_that_a_crash_cut_off(
    tmp_path, url, program
):
    store = Store(tmp_path)
    await store.start()
    room = await store.room_for(number="100", person="+491")
    store.call_offered(offered(), room_id=room.room_id, agent="desk")
    await store.close()  # without the call's end, as after a kill

    for _ in range(2):
        again = Store(tmp_path)
        await again.start()
        hooks = webhooks(again, url, events=(EventType.CALL_ENDED,))
        await hooks.start(again.cut_off)
        await until(lambda: len(program.told) >= 1)
        await hooks.close()
        await again.close()
    assert program.types() == ["call.ended"]


async def test_a_target_that_is_down_costs_another_no_events(database):
    rows_of = {
        target: [
            event_rows.EventRow(
                event_id=f"evt_{number}",
                target=target,
                type="call.ended",
                subject=f"c_{number}",
                body="{}",
                created_at=float(number),
            )
            for number in range(5)
        ]
        for target in ("down", "crm")
    }
    add = event_rows.add
    assert database.run(lambda c: add(c, rows_of["down"], waiting_most=3)) == 2
    assert database.run(lambda c: add(c, rows_of["crm"][:2], waiting_most=3)) == 0
    assert database.run(lambda c: event_rows.waiting(c, "crm")) == 2
    assert database.run(event_rows.waiting) == 5


async def test_a_target_that_is_down_does_not_fill_the_log(database, caplog):
    hooks = webhooks(database, "http://127.0.0.1:9/nobody")
    await hooks.start()
    for number in range(20):
        take_call(hooks.herald, f"c_{number}")
    await until(lambda: len(rows(database)) == 40 and all(row[2] for row in rows(database)))
    await hooks.close()
    told = [r for r in caplog.records if r.getMessage() == "an event was not taken"]
    assert len(told) == 1


async def test_a_fault_of_ours_is_a_failure_like_others_and_not_the_end(
    database, url, program, monkeypatch
):
    monkeypatch.setattr(postman_module, "PAUSES_S", (0.01,))
    real, faults = ProviderSession.request, [True]

    async def request(session, method, target, **options):
        if faults:
            faults.pop()
            raise RuntimeError("a fault")
        return await real(session, method, target, **options)

    monkeypatch.setattr(ProviderSession, "request", request)
    hooks = webhooks(database, url, events=(EventType.CALL_ENDED,))
    await hooks.start()
    take_call(hooks.herald)
    await until(lambda: program.types() == ["call.ended"])
    await until(lambda: rows(database) == [("call.ended", "delivered", 2)])
    await hooks.close()


async def test_a_fault_in_the_store_does_not_end_what_writes_events(database, monkeypatch):
    monkeypatch.setattr(herald_module, "RETRY_S", 0.01)
    real, faults = database.transact, [True]

    async def transact(work):
        if faults:
            faults.pop()
            raise RuntimeError("a fault")
        return await real(work)

    monkeypatch.setattr(database, "transact", transact)
    herald = Herald(
        database, {"crm": section("http://x")}, on_written=lambda: None, count=lambda *_: None
    )
    await herald.start()
    take_call(herald)
    await until(lambda: len(rows(database)) == 2)
    await herald.close(1)


async def test_the_same_event_is_written_once(database):
    event = call_started(record_of_offer(offered(), room_id="r_1", agent="desk"))
    row = event_rows.EventRow(
        event_id=event.event_id,
        target="crm",
        type=event.type.value,
        subject=event.subject,
        body="{}",
        created_at=1.0,
    )
    for _ in range(2):
        assert database.run(lambda c: event_rows.add(c, [row, row], waiting_most=10)) == 0
    assert len(rows(database)) == 1
    other = replace(row, target="other")
    assert database.run(lambda c: event_rows.add(c, [other], waiting_most=10)) == 0
    assert len(rows(database)) == 2


async def test_too_many_are_left_out_and_counted(database, monkeypatch):
    monkeypatch.setattr(herald_module, "WAITING_MOST", 3)
    counted: list[tuple[str, int]] = []
    herald = Herald(
        database,
        {"crm": section("http://127.0.0.1:9")},
        on_written=lambda: None,
        count=lambda outcome, how_many: counted.append((outcome, how_many)),
    )
    await herald.start()
    for number in range(3):
        take_call(herald, f"c_{number}")
    await until(lambda: not herald._waiting)
    await herald.close(1)
    assert len(rows(database)) == 3
    assert sum(how_many for _, how_many in counted) == 3


async def test_a_store_that_fails_loses_nothing(database, monkeypatch):
    monkeypatch.setattr(herald_module, "RETRY_S", 0.01)
    fails = [True]
    real = database.transact

    async def transact(work):
        if fails[0]:
            raise StoreError("disk I/O error")
        return await real(work)

    monkeypatch.setattr(database, "transact", transact)
    herald = Herald(
        database, {"crm": section("http://x")}, on_written=lambda: None, count=lambda *_: None
    )
    await herald.start()
    take_call(herald)
    await asyncio.sleep(0.05)
    assert rows(database) == []
    fails[0] = False
    await until(lambda: len(rows(database)) == 2)
    await herald.close(1)


async def test_targets_that_are_gone_are_given_up_and_old_rows_forgotten(database):
    for number, target in enumerate(("crm", "gone")):
        row = event_rows.EventRow(
            event_id=f"evt_{number}",
            target=target,
            type="x",
            subject="y",
            body="{}",
            created_at=1.0,
        )
        database.run(lambda c, row=row: event_rows.add(c, [row], waiting_most=10))
    assert database.run(lambda c: event_rows.give_up_targets(c, ("crm",))) == 1
    assert database.run(event_rows.waiting) == 1
    assert database.run(lambda c: event_rows.prune(c, before=2.0)) == 1
    assert [state for _, state, _ in rows(database)] == [EventState.PENDING]


async def test_with_no_target_nothing_is_written(database):
    hooks = EventWebhooks(database, {}, {}, Metrics())
    await hooks.start()
    assert not hooks.is_on
    hooks.herald.tell(call_ended(record_of_offer(offered(), room_id="r_1", agent="desk")))
    await hooks.close()
    assert rows(database) == []
