"""Texts out of calls, and messages that agents take for others: on a real store, sent once, whatever happens."""

import asyncio

import pytest

from gateway.errors import CallNotFound, MessageError, OptedOut, Unreachable
from gateway.model.messages import Channel, InboundMessage
from gateway.rooms.reach import Reach
from gateway.store import inbox
from tests.component.rooms.house import ANN, BOB, LANDLINE, OURS, a_house

DESK = "+4915199999999"


# Texts out of calls -------------------------------------------------------------------------------------


async def test_an_agent_texts_its_caller_and_one_text_goes_once(house):
    room_id = await house.a_call(ANN, live=True)
    texts = house.rooms.call_texts
    assert await texts.send_message("c_1", {"text": "1 Harbour Road"}) == "sent"
    assert "already" in await texts.send_message("c_1", {"text": "1 Harbour Road"})
    assert await house.sent() == [(ANN, "1 Harbour Road")]
    line = (await house.lines(room_id))[-1]
    assert (line["kind"], line["role"], line["facts"]["by"]) == ("message_written", "agent", "desk")
    # The answer to it comes to the room of the call.
    message = InboundMessage(
        provider="twilio",
        provider_id="SM1",
        channel=Channel.SMS,
        sender=ANN,
        recipient=OURS,
        text="Thanks",
        received_at=1.0,
    )
    await house.store.transact(lambda connection: inbox.receive(connection, message))
    house.texting.desk.look()
    assert (await house.kinds(room_id, 4))[-1] == "message_received"


async def test_a_caller_from_a_browser_is_texted_where_they_are_linked(house):
    await house.ask("POST", "/api/v1/identities", {"address": "web:ann", "person": ANN})
    await house.a_call("web:ann", live=True)
    assert await house.rooms.call_texts.send_message("c_1", {"text": "hi"}) == "sent"
    assert await house.sent() == [(ANN, "hi")]


@pytest.mark.parametrize(
    ("caller", "error"),
    [(LANDLINE, Unreachable), ("anonymous", Unreachable), ("web:carl", Unreachable)],
)
async def test_who_cannot_be_texted_is_not(house, caller, error):
    await house.a_call(caller, live=True)
    with pytest.raises(error):
        await house.rooms.call_texts.send_message("c_1", {"text": "hi"})
    assert house.twilio.taken == []


async def test_who_stopped_is_not_texted_even_in_a_call(house):
    await house.ask("POST", "/api/v1/opt-outs", {"address": ANN})
    await house.a_call(ANN, live=True)
    with pytest.raises(OptedOut):
        await house.rooms.call_texts.send_message("c_1", {"text": "hi"})


async def test_an_agent_that_writes_on_and_on_is_stopped(house):
    await house.a_call(ANN, live=True)
    texts = house.rooms.call_texts
    for number in range(10):
        await texts.send_message("c_1", {"text": f"n{number}"})
    with pytest.raises(MessageError, match="too many"):
        await texts.send_message("c_1", {"text": "n10"})
    assert "too long" in await texts.send_message("c_1", {"text": "x" * 1_601})
    with pytest.raises(CallNotFound):
        await texts.send_message("c_over", {"text": "hi"})


# Where somebody is reached ------------------------------------------------------------------------------


async def test_whatsapp_is_used_while_its_window_is_open_and_sms_after(house):
    room_id = await house.a_call(ANN)
    now = 1_000_000.0
    message = InboundMessage(
        provider="twilio",
        provider_id="SM1",
        channel=Channel.WHATSAPP,
        sender=ANN,
        recipient=OURS,
        text="hi",
        received_at=now,
    )
    await house.store.transact(lambda connection: inbox.receive(connection, message))
    house.texting.desk.look()
    await house.kinds(room_id, 3)

    def reach(at):
        return Reach(
            house.store,
            house.config.fallback,
            capabilities=house.texting.outbox.capabilities,
            clock=lambda: at,
        )

    assert (await reach(now + 3_600).of_room(room_id)).channel is Channel.WHATSAPP
    assert (await reach(now + 86_400).of_room(room_id)).channel is Channel.SMS
    assert (await reach(now).of_room(room_id, Channel.SMS)).recipient == ANN
    with pytest.raises(Unreachable, match="email: no_address"):
        await reach(now).of_room(room_id, Channel.EMAIL)


# Messages that are taken for others ---------------------------------------------------------------------


async def test_a_taken_message_is_delivered_once_to_each_address_and_told_in_the_room(tmp_path):
    async with a_house(tmp_path, desk={"deliver_to": [DESK, f"whatsapp:{BOB}"]}) as house:
        room_id = await house.a_call(ANN, live=True)
        house.take_message(room_id, "c_1", "Please call me about the boat.")
        house.rooms.taken.look(room_id)
        sent = await house.sent(2)
        assert {to for to, _ in sent} == {DESK, f"whatsapp:{BOB}"}
        assert all("Ann" in text and ANN in text and "the boat." in text for _, text in sent)
        await house.kinds(room_id, 5)
        house.rooms.taken.look(room_id)
        await asyncio.sleep(0.2)
        events = [
            line["facts"]
            for line in await house.lines(room_id)
            if line["facts"].get("name") == "message_delivery"
        ]
        assert [(item["channel"], item["outcome"]) for item in events] == [
            ("sms", "accepted"),
            ("whatsapp", "accepted"),
        ]
        assert len(house.twilio.taken) == 2
        # What the desk answers is the desk's conversation, not the caller's.
        _, told = await house.ask("GET", f"/api/v1/messages/{events[0]['message_id']}")
        assert told["room_id"] != room_id


async def test_a_message_taken_in_a_call_of_ours_comes_from_our_number(tmp_path):
    async with a_house(tmp_path, desk={"deliver_to": [DESK]}) as house:
        room_id = await house.a_call(ANN, live=True, is_ours=True)
        house.take_message(room_id, "c_1")
        house.rooms.taken.look(room_id)
        await house.sent(1)
        assert house.twilio.taken[0].fields["From"] == OURS


async def test_a_taken_message_comes_from_the_sender_of_the_number_that_was_called(tmp_path):
    fallback = {"senders": {"sms": OURS}, "numbers": {OURS: {"senders": {"sms": BOB}}}}
    async with a_house(tmp_path, desk={"deliver_to": [DESK]}, fallback=fallback) as house:
        house.take_message(await house.a_call(ANN, live=True), "c_1")
        await house.sent(1)
        assert house.twilio.taken[0].fields["From"] == BOB


async def test_what_was_taken_when_the_gateway_died_is_delivered_by_the_next_life(tmp_path):
    async with a_house(tmp_path) as house:
        room_id = await house.a_call(ANN)
        house.take_message(room_id, "c_1")
        await house.store.flush()
        await asyncio.sleep(0.1)
        assert house.twilio.taken == []
    for life in range(2):
        async with a_house(tmp_path, desk={"deliver_to": [DESK]}) as house:
            if life == 0:
                await house.sent()
            else:
                await asyncio.sleep(0.3)
                assert house.twilio.taken == []
            _, page = await house.ask("GET", f"/api/v1/messages?to=%2B{DESK[1:]}")
            assert len(page["messages"]) == 1


async def test_addresses_in_another_order_get_nothing_twice_and_a_new_one_what_is_recent(tmp_path):
    async with a_house(tmp_path, desk={"deliver_to": [DESK, f"whatsapp:{BOB}"]}) as house:
        house.take_message(await house.a_call(ANN), "c_1")
        await house.sent(2)
    reordered = [f"whatsapp:{BOB}", "+4915188888888", DESK]
    async with a_house(tmp_path, desk={"deliver_to": reordered}) as house:
        await house.sent(1)
        await asyncio.sleep(0.3)
        taken = [item.to for item in house.twilio.taken if "Ann" in item.body]
        assert taken == ["+4915188888888"]


async def test_a_full_outbox_makes_it_wait_and_nothing_is_lost(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.rooms.taken_messages.RETRY_S", 0.05)
    async with a_house(tmp_path, desk={"deliver_to": [DESK]}) as house:
        house.texting.outbox._pending_most = 0
        rooms = [await house.a_call(who, call_id=f"c_{who}") for who in (ANN, BOB)]
        for who, room_id in zip((ANN, BOB), rooms, strict=True):
            house.take_message(room_id, f"c_{who}", f"from {who}")
        await asyncio.sleep(0.2)
        assert house.twilio.taken == []
        house.texting.outbox._pending_most = 100
        sent = await house.sent(2)
        assert {text.splitlines()[-1] for _, text in sent} == {f"from {ANN}", f"from {BOB}"}


async def test_a_reload_takes_effect_at_once(tmp_path):
    async with a_house(tmp_path) as house:
        room_id = await house.a_call(ANN, live=True)
        desk = house.config.agents["desk"].model_copy(update={"deliver_to": (DESK,)})
        fallback = house.config.fallback.model_copy(update={"senders": {Channel.SMS: BOB}})
        house.rooms.replace(
            house.config.model_copy(update={"agents": {"desk": desk}, "fallback": fallback})
        )
        house.take_message(room_id, "c_1")
        await house.sent()
        assert [(item.to, item.fields["From"]) for item in house.twilio.taken] == [(DESK, BOB)]
