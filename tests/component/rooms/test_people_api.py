"""Addresses of one person give one room, and a stop holds for all of them: by the API, calls and messages."""

import pytest

from gateway.model.messages import Channel
from gateway.store.room_lines import room_of
from tests.component.rooms.house import ANN, BOB, OURS, a_house, until


async def rooms(house):
    _, page = await house.ask("GET", "/api/v1/rooms")
    return page["rooms"]


async def test_a_linked_person_has_one_room_by_call_browser_and_message(house):
    for address in ("email:ann@example.org", "web:ann", "telegram:7"):
        status, told = await house.ask(
            "POST", "/api/v1/identities", {"address": address, "person": ANN}
        )
        assert status == 201
        assert (told["person"], address in told["addresses"]) == (ANN, True)

    found = {await house.a_call(ANN, call_id="c_1"), await house.a_call("web:ann", call_id="c_2")}
    house.twilio.gateway_url = house.twilio.public_url = house.base_url
    await house.twilio.write(f"whatsapp:{ANN}", f"whatsapp:{OURS}", "hi")
    for channel, address in ((Channel.EMAIL, "Ann@Example.org"), (Channel.TELEGRAM, "7")):
        found.add(
            await house.store.transact(
                lambda connection, channel=channel, address=address: room_of(
                    connection, channel, number=OURS, address=address, at=1.0
                )
            )
        )
    await until(lambda: not house.texting.desk.pending)
    assert len(found) == 1
    assert [room["room_id"] for room in await rooms(house)] == list(found)


async def test_a_number_written_with_signs_is_the_same_person(house):
    plain = await house.a_call(ANN, call_id="c_1")
    assert await house.a_call("sip:+49 (151) 123-45678@trunk.example", call_id="c_2") != plain
    assert await house.a_call("+49 (151) 123-45678", call_id="c_3") == plain


async def test_who_was_known_by_another_address_before_keeps_that_room(house):
    web = await house.a_call("web:ann", call_id="c_1")
    await house.ask("POST", "/api/v1/identities", {"address": "web:ann", "person": ANN})
    assert await house.a_call(ANN, call_id="c_2") == web
    assert await house.a_call("web:ann", call_id="c_3") == web


async def test_links_are_listed_and_taken_away(house):
    await house.ask("POST", "/api/v1/identities", {"address": "web:ann", "person": ANN})
    _, told = await house.ask("GET", "/api/v1/identities?address=web:ann")
    assert told == {"person": ANN, "addresses": [ANN, "web:ann"]}
    _, told = await house.ask("GET", "/api/v1/identities")
    assert [item["address"] for item in told["identities"]] == ["web:ann"]
    assert (await house.ask("DELETE", "/api/v1/identities/web:ann"))[0] == 204
    status, told = await house.ask("DELETE", "/api/v1/identities/web:ann")
    assert (status, told["error"]["code"]) == (404, "identity.not_found")
    assert await house.a_call(ANN, call_id="c_1") != await house.a_call("web:ann", call_id="c_2")


async def test_rules_for_calls_hold_for_an_address_as_soon_as_it_is_linked(house):
    def is_muted():
        return house.texting.call_rules.voice(OURS, "web:ann").is_muted

    room_id = await house.a_call(ANN)
    await house.ask("PUT", f"/api/v1/rooms/{room_id}/channels/voice", {"muted": True})
    assert not is_muted()
    await house.ask("POST", "/api/v1/identities", {"address": "web:ann", "person": ANN})
    assert is_muted()
    await house.ask("DELETE", "/api/v1/identities/web:ann")
    assert not is_muted()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"address": "pigeon:7", "person": ANN}, "address"),
        ({"address": "web:ann", "person": ""}, "person"),
        ({"address": ANN, "person": ANN}, "person"),
        ({"address": ANN}, "person"),
    ],
)
async def test_what_is_wrong_with_a_link_is_named(house, body, field):
    status, told = await house.ask("POST", "/api/v1/identities", body)
    assert status == 400
    assert told["error"]["message"].startswith(f"{field}:")


async def test_a_stop_by_the_api_is_in_the_ledger_once_and_a_start_ends_it(house):
    body = {"address": BOB, "idempotency_key": "letter-7", "note": "by letter"}
    assert [(await house.ask("POST", "/api/v1/opt-outs", body))[0] for _ in range(2)] == [201, 200]
    _, told = await house.ask("GET", f"/api/v1/opt-outs?address=%2B{BOB[1:]}")
    assert told["opted_out"] is True
    (line,) = told["opt_outs"]
    assert (line["address"], line["note"], line["source"]) == (BOB, "by letter", "api:letter-7")
    await house.ask("POST", "/api/v1/opt-outs", {"address": BOB, "opted_out": False})
    _, told = await house.ask("GET", f"/api/v1/opt-outs?address=%2B{BOB[1:]}")
    assert (told["opted_out"], len(told["opt_outs"])) == (False, 2)
    assert len((await house.ask("GET", "/api/v1/opt-outs"))[1]["opt_outs"]) == 2


async def test_a_national_number_in_the_ledger_is_the_person_who_texts(tmp_path):
    async with a_house(tmp_path, fallback={"country": "DE", "senders": {"sms": OURS}}) as house:
        await house.ask("POST", "/api/v1/opt-outs", {"address": "0151 12345678"})
        status, told = await house.ask("POST", "/api/v1/messages", {"to": ANN, "text": "hi"})
        assert (status, told["error"]["code"]) == (409, "message.opted_out")
        link = {"address": "email:bob@x.org", "person": f"0{BOB[3:]}"}
        assert (await house.ask("POST", "/api/v1/identities", link))[1]["person"] == BOB
        _, told = await house.ask("GET", "/api/v1/opt-outs?address=015112345678")
        assert told["opted_out"] is True


async def test_a_national_number_of_a_trunk_is_the_person_who_texts(tmp_path):
    async with a_house(tmp_path, fallback={"country": "DE", "senders": {"sms": OURS}}) as house:
        room_id = await house.a_call("015112345678", call_id="c_1")
        assert await house.a_call(ANN, call_id="c_2") == room_id
        house.twilio.gateway_url = house.twilio.public_url = house.base_url
        await house.twilio.write(ANN, OURS, "hi")
        assert "message_received" in await house.kinds(room_id, 5)
