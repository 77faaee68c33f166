"""`/api/v1/rooms`: found, told, read live, and spoken in; on a real store."""

import asyncio
import json

import pytest

from gateway.access.verifier import Verifier
from gateway.model.hangup import HangupCause
from tests.component.rooms.house import ANN, BOB, LANDLINE, OURS


async def test_rooms_are_listed_by_what_happened_last_and_found_by_address(house):
    ann = await house.a_call(ANN, call_id="c_1")
    bob = await house.a_call(BOB, call_id="c_2")
    web = await house.a_call("web:carl", call_id="c_3")
    await house.a_call(ANN, call_id="c_4", text="Again me", live=True)

    found, before = [], ""
    while before is not None:
        _, page = await house.ask("GET", f"/api/v1/rooms?limit=2&before={before}")
        found += page["rooms"]
        before = page["next_before"]
    assert [room["room_id"] for room in found] == [ann, web, bob]
    assert (found[0]["last_text"], found[0]["live_calls"]) == ("Again me", ["c_4"])
    for query, rooms in (
        (f"address=%2B{ANN[1:]}", [ann]),
        ("address=49151", [ann, bob]),
        ("address=carl", [web]),
        ("address=web:carl", [web]),
        ("address=50%25", []),
        (f"number=%2B{OURS[1:]}", [ann, web, bob]),
    ):
        _, page = await house.ask("GET", f"/api/v1/rooms?{query}")
        assert [room["room_id"] for room in page["rooms"]] == rooms, query
    for before in ("yesterday", "nan,r_1", "1e999,r_1"):
        assert (await house.ask("GET", f"/api/v1/rooms?before={before}"))[0] == 400


async def test_one_room_is_told_with_calls_addresses_and_wishes(house):
    room_id = await house.a_call(ANN, call_id="c_1")
    await house.ask("POST", "/api/v1/identities", {"address": "email:Ann@x.org", "person": ANN})
    await house.ask("POST", "/api/v1/opt-outs", {"address": "email:ann@x.org"})
    status, room = await house.ask("GET", f"/api/v1/rooms/{room_id}")
    assert status == 200
    assert room["addresses"] == sorted([ANN, "email:ann@x.org"])
    assert (room["opted_out"], room["calls"], room["live_calls"]) == (True, ["c_1"], [])
    for path in ("", "/timeline", "/live"):
        status, told = await house.ask("GET", f"/api/v1/rooms/r_none{path}")
        assert (status, told["error"]["code"]) == (404, "room.not_found")


async def test_call_text_and_fallback_stand_in_one_ordered_timeline(house):
    room_id = await house.a_call(
        ANN, call_id="c_1", text="I want a taxi", cause=HangupCause.WORKER_LOST
    )
    house.twilio.gateway_url = house.twilio.public_url = house.base_url
    await house.texting.fallback.call_ended("c_1")
    await house.twilio.write(ANN, OURS, "Are you there?")
    await house.ask("POST", f"/api/v1/rooms/{room_id}/messages", {"text": "I am."})

    await house.kinds(room_id, 7)
    lines = await house.lines(room_id)
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    kinds = [line["kind"] for line in lines]
    assert kinds[:3] == ["offered", "answered", "user_said"]
    assert sorted(kinds[3:]) == [
        "fallback",
        "message_received",
        "message_written",
        "message_written",
    ]
    assert all(line["at"] for line in lines)
    assert lines[-1]["text"] in ("I am.", "Are you there?")


# A supervisor's line ------------------------------------------------------------------------------------


async def test_while_a_call_goes_on_the_line_is_spoken(house):
    room_id = await house.a_call(live=True)
    long = "Your taxi is on its way to you now. " * 10
    status, told = await house.ask("POST", f"/api/v1/rooms/{room_id}/messages", {"text": long})
    assert (status, told["delivery"], told["call_id"]) == (202, "spoken", "c_1")
    (call,) = house.calls.live
    (parts,) = call.said
    assert " ".join(parts) == long.strip()
    assert all(len(part) <= 240 for part in parts)
    call.lines[0].set_result(True)
    await house.rooms.operator.close()
    assert house.twilio.taken == []


async def test_a_line_that_the_call_did_not_say_is_written_once(house):
    room_id = await house.a_call(live=True)
    path = f"/api/v1/rooms/{room_id}/messages"
    body = {"text": "Your taxi is here.", "idempotency_key": "k"}
    await house.ask("POST", path, body)
    (call,) = house.calls.live
    house.calls.live.clear()
    call.lines[0].set_result(False)
    assert await house.sent() == [(ANN, "Your taxi is here.")]
    _, again = await house.ask("POST", path, body)
    assert again["duplicate"] is True
    status, told = await house.ask("POST", path, {**body, "text": "Another."})
    assert (status, told["error"]["code"]) == (409, "message.key_reused")
    assert len(house.twilio.taken) == 1


async def test_a_line_for_the_voice_alone_is_said_or_nothing(house):
    room_id = await house.a_call(live=True)
    path = f"/api/v1/rooms/{room_id}/messages"
    body = {"text": "Your PIN is wrong.", "channel": "voice", "idempotency_key": "k"}
    _, told = await house.ask("POST", path, body)
    assert told["delivery"] == "spoken"
    (call,) = house.calls.live
    house.calls.live.clear()
    call.lines[0].set_result(False)
    await house.rooms.operator.close()
    last = (await house.lines(room_id))[-1]
    assert (last["facts"]["name"], last["text"]) == ("line_not_delivered", "Your PIN is wrong.")
    assert last["facts"]["reason"].startswith("call.over")
    assert house.twilio.taken == []
    # The same request again is the same line, another one comes too late.
    assert (await house.ask("POST", path, body))[1]["duplicate"] is True
    status, told = await house.ask("POST", path, {**body, "idempotency_key": "l"})
    assert (status, told["error"]["code"]) == (409, "call.over")


async def test_a_line_that_can_be_neither_said_nor_written_is_told_of(house):
    room_id = await house.a_call(LANDLINE, live=True)
    await house.ask("POST", f"/api/v1/rooms/{room_id}/messages", {"text": "Hello?"})
    house.calls.live[0].lines[0].set_result(False)
    await house.rooms.operator.close()
    last = (await house.lines(room_id))[-1]
    assert (last["facts"]["name"], last["text"]) == ("line_not_delivered", "Hello?")
    assert "landline" in last["facts"]["reason"]


async def test_without_a_call_it_is_written_where_the_person_wrote_last(house):
    room_id = await house.a_call(ANN)
    house.twilio.gateway_url = house.twilio.public_url = house.base_url
    assert (await house.ask("POST", f"/api/v1/rooms/{room_id}/messages", {"text": "one"}))[0] == 202
    await house.twilio.write(f"whatsapp:{ANN}", f"whatsapp:{OURS}", "hi")
    assert (await house.kinds(room_id, 4))[-1] == "message_received"
    _, told = await house.ask("POST", f"/api/v1/rooms/{room_id}/messages", {"text": "two"})
    assert told["delivery"] == "written"
    status, _ = await house.ask(
        "POST", f"/api/v1/rooms/{room_id}/messages", {"text": "three", "channel": "sms"}
    )
    assert status == 202
    sent = await house.sent(3)
    assert sorted(sent) == sorted([(ANN, "one"), (f"whatsapp:{ANN}", "two"), (ANN, "three")])
    by = [line["facts"]["by"] for line in await house.lines(room_id) if line["role"] == "agent"]
    assert by == ["operator"] * 3


@pytest.mark.parametrize(
    ("caller", "body", "status", "code"),
    [
        (LANDLINE, {"text": "hi"}, 409, "message.unreachable"),
        ("anonymous", {"text": "hi"}, 409, "message.unreachable"),
        ("web:carl", {"text": "hi"}, 409, "message.unreachable"),
        (ANN, {"text": "hi", "channel": "voice"}, 409, "call.over"),
        (ANN, {"text": "hi", "channel": "whatsapp"}, 409, "message.unreachable"),
        (ANN, {"text": " "}, 400, "http.bad_request"),
        (ANN, {"text": "x" * 2_001}, 400, "http.bad_request"),
        (ANN, {}, 400, "http.bad_request"),
    ],
)
async def test_what_cannot_be_said_is_told_why(house, caller, body, status, code):
    room_id = await house.a_call(caller)
    got, told = await house.ask("POST", f"/api/v1/rooms/{room_id}/messages", body)
    assert (got, told["error"]["code"]) == (status, code), told
    assert house.twilio.taken == []


async def test_nobody_speaks_in_a_room_that_is_not_there(house):
    status, told = await house.ask("POST", "/api/v1/rooms/r_none/messages", {"text": "hi"})
    assert (status, told["error"]["code"]) == (404, "room.not_found")


# Read live ----------------------------------------------------------------------------------------------


async def read(house, path, count, **headers):
    """Return so many lines of a live stream: their ids and texts."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    found = []
    async with (
        asyncio.timeout(10),
        house.client.get(house.base_url + path, headers=named) as answer,
    ):
        assert answer.status == 200
        assert answer.content_type == "text/event-stream"
        async for raw in answer.content:
            line = raw.decode().rstrip("\n")
            if line.startswith("data: "):
                told = json.loads(line.removeprefix("data: "))
                found.append((told["seq"], told["kind"]))
                if len(found) == count:
                    return found
    return found


async def test_a_room_is_read_live_and_again_from_where_one_was(house):
    room_id = await house.a_call(ANN, call_id="c_1", text="Hello")
    path = f"/api/v1/rooms/{room_id}/live"
    reader = asyncio.create_task(read(house, path, 2))
    await asyncio.sleep(0.3)
    await house.a_call(ANN, call_id="c_2")
    assert await reader == [(4, "offered"), (5, "answered")]
    assert await read(house, path, 2, Last_Event_ID="2") == [(3, "user_said"), (4, "offered")]
    assert (await read(house, f"{path}?after=0", 1))[0] == (1, "offered")


async def test_who_may_not_read_any_more_reads_no_further(house, monkeypatch):
    room_id = await house.a_call(ANN, call_id="c_1")
    path = f"/api/v1/rooms/{room_id}/live"
    reader = asyncio.create_task(read(house, path, 9))
    await asyncio.sleep(0.3)
    assert not reader.done()

    monkeypatch.setattr(Verifier, "holds", lambda *_: None)

    assert await reader == []


async def test_live_readers_end_with_the_server_and_are_bounded(house, monkeypatch):
    monkeypatch.setattr("gateway.http.rooms.READERS_MOST", 1)
    room_id = await house.a_call(ANN)
    path = f"/api/v1/rooms/{room_id}/live"
    async with house.client.get(house.base_url + path) as first:
        assert first.status == 200
        status, told = await house.ask("GET", path)
        assert (status, told["error"]["code"]) == (503, "http.too_many_readers")
