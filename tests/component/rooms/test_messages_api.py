"""`/api/v1/messages` on a real store, a real outbox and a provider's stand-in."""

import pytest

from tests.component.rooms.house import ANN, BOB, OURS

TEMPLATE = {"content_sid": "HX" + "0" * 32, "variables": {"1": "Ann"}}


async def test_a_message_is_accepted_with_its_id_sent_and_told_of(house):
    status, sent = await house.ask("POST", "/api/v1/messages", {"to": ANN, "text": "Hello 👋"})
    assert status == 202
    assert (sent["channel"], sent["from"], sent["to"], sent["duplicate"]) == (
        "sms",
        OURS,
        ANN,
        False,
    )
    assert await house.sent() == [(ANN, "Hello 👋")]

    status, told = await house.ask("GET", f"/api/v1/messages/{sent['message_id']}")
    assert status == 200
    assert (told["recipient"], told["room_id"]) == (ANN, sent["room_id"])
    lines = await house.lines(sent["room_id"])
    assert [(line["kind"], line["text"], line["facts"]["by"]) for line in lines] == [
        ("message_written", "Hello 👋", "operator")
    ]


async def test_for_one_key_it_is_sent_once_and_another_message_is_refused(house):
    body = {"to": ANN, "text": "Hello", "idempotency_key": "k1"}
    first = await house.ask("POST", "/api/v1/messages", body)
    del body["idempotency_key"]
    again = await house.ask("POST", "/api/v1/messages", body, Idempotency_Key="k1")
    assert first[0] == again[0] == 202
    assert first[1]["message_ids"] == again[1]["message_ids"]
    assert again[1]["duplicate"] is True
    status, told = await house.ask(
        "POST", "/api/v1/messages", {**body, "text": "!"}, Idempotency_Key="k1"
    )
    assert (status, told["error"]["code"]) == (409, "message.key_reused")
    await house.ask("POST", "/api/v1/messages", {"to": BOB, "text": "other"})
    assert await house.sent(2) == [(ANN, "Hello"), (BOB, "other")]


async def test_channel_template_and_media_go_as_they_are_given(house):
    url = "https://example.org/a.png"
    for body in (
        {"to": f"whatsapp:{ANN}", "template": TEMPLATE},
        {"to": BOB, "channel": "sms", "media": [{"url": url, "content_type": "image/png"}]},
    ):
        status, told = await house.ask("POST", "/api/v1/messages", body)
        assert status == 202, told
    await house.sent(2)
    by_to = {item.to: item for item in house.twilio.taken}
    assert by_to[f"whatsapp:{ANN}"].fields["ContentSid"] == TEMPLATE["content_sid"]
    assert "Body" not in by_to[f"whatsapp:{ANN}"].fields
    assert by_to[BOB].media_urls == [url]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "to"),
        ({"to": "nobody", "text": "hi"}, "to"),
        ({"to": "+0", "text": "hi"}, "to"),
        ({"to": ANN}, "text"),
        ({"to": ANN, "text": "  "}, "text"),
        ({"to": ANN, "text": "x" * 16_001}, "text"),
        ({"to": ANN, "text": "hi", "channel": "pigeon"}, "channel"),
        ({"to": "email:ann@example.org", "text": "hi"}, "channel"),
        ({"to": ANN, "text": "hi", "channel": "rcs"}, "from"),
        ({"to": ANN, "text": "hi", "colour": 1}, "colour"),
        ({"to": ANN, "text": "hi", "media": [{"url": "file:///etc/passwd"}]}, "media.0.url"),
        ({"to": ANN, "text": "hi", "idempotency_key": "x" * 256}, "idempotency_key"),
        ({"to": ANN, "text": "hi", "useful_s": 0}, "useful_s"),
        ([], "body"),
    ],
)
async def test_what_is_wrong_is_named(house, body, field):
    status, told = await house.ask("POST", "/api/v1/messages", body)
    assert status == 400
    assert told["error"]["message"].startswith(f"{field}:"), told
    assert house.twilio.taken == []


async def test_who_stopped_is_not_written_to(house):
    status, _ = await house.ask("POST", "/api/v1/opt-outs", {"address": ANN, "note": "by letter"})
    assert status == 201
    for to in (ANN, f"whatsapp:{ANN}"):
        status, told = await house.ask("POST", "/api/v1/messages", {"to": to, "text": "hi"})
        assert (status, told["error"]["code"]) == (409, "message.opted_out")
    assert house.twilio.taken == []


async def test_a_full_outbox_and_a_store_that_fails_say_503(tmp_path):
    from tests.component.rooms.house import a_house

    async with a_house(tmp_path, outbox={"waiting_most": 100}) as house:
        house.texting.outbox._pending_most = 0
        status, told = await house.ask("POST", "/api/v1/messages", {"to": ANN, "text": "hi"})
        assert (status, told["error"]["code"]) == (503, "store.failed")


async def test_messages_are_listed_in_pages_and_by_what_they_are(house):
    for number in range(5):
        await house.ask("POST", "/api/v1/messages", {"to": ANN, "text": f"n{number}"})
    await house.ask("POST", "/api/v1/messages", {"to": f"whatsapp:{BOB}", "text": "wa"})

    texts, before = [], 0
    while before is not None:
        _, page = await house.ask("GET", f"/api/v1/messages?limit=4&before={before}")
        texts += [item["text"] for item in page["messages"]]
        before = page["next_before"]
    assert texts == ["wa", "n4", "n3", "n2", "n1", "n0"]
    for query, count in (
        ("channel=whatsapp", 1),
        (f"to=%2B{ANN[1:]}", 5),
        ("status=failed,dead", 0),
        ("room_id=r_none", 0),
    ):
        _, page = await house.ask("GET", f"/api/v1/messages?{query}")
        assert len(page["messages"]) == count, query
    for query in ("status=lost", "channel=pigeon", "limit=0", "direction=up", "before=x"):
        status, _ = await house.ask("GET", f"/api/v1/messages?{query}")
        assert status == 400, query
    assert (await house.ask("GET", "/api/v1/messages/m_none"))[0] == 404


async def test_what_people_wrote_is_listed_too(house):
    house.twilio.gateway_url = house.base_url
    house.twilio.public_url = house.base_url
    assert await house.twilio.write(ANN, OURS, "Are you open?") == 200
    _, page = await house.ask("GET", "/api/v1/messages?direction=inbound")
    (message,) = page["messages"]
    assert (message["direction"], message["sender"], message["text"]) == (
        "inbound",
        ANN,
        "Are you open?",
    )
