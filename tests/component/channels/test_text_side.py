"""From Twilio's webhook to Twilio's interface and back, through all that is between: what people really send."""

import asyncio

import pytest

from gateway.channels.sms_alphabet import length
from gateway.http.server import BODY_MOST
from gateway.model.hangup import HangupCause
from gateway.model.text_agent import TextReply
from gateway.rooms.timeline import Kind
from tests.support.text_rig import TextRig

OURS = "+15550100000"
PERSON = "+16502530001"
GREETING = "Hello, this is the desk."


@pytest.fixture
async def rig(tmp_path):
    async with TextRig(tmp_path / "data", {"outbox": {"burst": 100}}) as made:
        yield made


async def answered(rig, address, count):
    await rig.until(lambda: len(rig.taken(address)) >= count, f"{count} answers to {address}")
    return [item.body for item in rig.taken(address)]


@pytest.mark.parametrize(
    "text",
    [
        "Grüße aus Köln, 你好, नमस्ते, مرحبا",
        "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 e\u0301",
        "line one\nline two\r\nline three",
        "<b>&amp; \"quoted\" 'single' \\ % + = ;",
        "'); DROP TABLE messages; --",
        "a" * 1600,
    ],
)
async def test_what_was_written_comes_back_letter_by_letter(rig, text):
    assert await rig.twilio.write(PERSON, OURS, text) == 200
    assert "".join(await answered(rig, PERSON, 1)).endswith(text[-20:])
    await rig.twilio.settled()
    (room,) = {row.room_id for row in await rig.rows_of(PERSON)}
    lines = await rig.lines(room)
    assert [line.text for line in lines if line.kind == Kind.MESSAGE_RECEIVED] == [text]
    assert [line.text for line in lines if line.kind == Kind.MESSAGE_WRITTEN] == [
        f"you wrote: {text}"
    ]


@pytest.mark.parametrize(
    ("reply", "parts"),
    [
        ("x" * 1600, 1),
        ("x" * 1601, 2),
        ("word " * 800, 3),
        # In the alphabet, but each as two letters.
        ("€" * 800, 1),
        ("€" * 801, 2),
        # Outside the SMS alphabet, and each counts as two.
        ("🙂" * 800, 1),
        ("🙂" * 801, 2),
        ("👩‍👩‍👧 " * 400, None),
    ],
)
async def test_a_long_reply_is_split_where_it_must_be_and_comes_in_order(rig, reply, parts):
    async def answer(_turn):
        return TextReply(text=reply)

    rig.agent.greeting = ""
    rig.agent.answer = answer
    await rig.twilio.write(PERSON, OURS, "tell me all")
    await answered(rig, PERSON, 1)
    await rig.until(lambda: rig.texting.desk.pending == 0, "the inbox")
    rows = await rig.rows_of(PERSON)
    bodies = await answered(rig, PERSON, len(rows))
    assert parts is None or len(bodies) == parts
    assert all(length(body) <= 1600 and len(body.encode("utf-16-le")) <= 3200 for body in bodies)
    assert "".join("".join(bodies).split()) == "".join(reply.split())
    assert [row.text for row in rows] == bodies
    # In the room it is one line, as it was thought.
    written = [
        line.text for line in await rig.lines(rows[0].room_id) if line.kind == Kind.MESSAGE_WRITTEN
    ]
    assert [text.strip() for text in written] == [reply.strip()]


async def test_a_replayed_webhook_is_answered_and_changes_nothing(rig):
    sid = "SM" + "e" * 32
    for _ in range(3):
        assert await rig.twilio.write(PERSON, OURS, "once", sid=sid) == 200
    await answered(rig, PERSON, 1)
    await rig.until(lambda: rig.texting.desk.pending == 0, "the inbox")
    assert await rig.twilio.write(PERSON, OURS, "once", sid=sid) == 200
    await rig.twilio.write(PERSON, OURS, "twice")
    assert await answered(rig, PERSON, 2) == [
        f"{GREETING}\n\nyou wrote: once",
        "you wrote: twice",
    ]


async def test_forged_and_giant_webhooks_leave_nothing_behind(rig):
    sid = "SM" + "f" * 32
    headers = {"X-Twilio-Signature": "A" * 28}
    fields = {"From": PERSON, "To": OURS, "Body": "forged", "MessageSid": sid}
    assert await rig.twilio.call_form("/twilio/messages", fields, headers=headers) == 403
    assert await rig.twilio.write(PERSON, OURS, "x" * (BODY_MOST + 1), sid=sid) == 413
    # The same id, this time from Twilio: what was refused was not taken for it.
    assert await rig.twilio.write(PERSON, OURS, "genuine", sid=sid) == 200
    assert await answered(rig, PERSON, 1) == [f"{GREETING}\n\nyou wrote: genuine"]


@pytest.mark.parametrize("sender", ["+7378742833", "74843", "+266696687"])
async def test_senders_of_every_kind_have_a_room_and_an_answer(rig, sender):
    assert await rig.twilio.write(sender, OURS, "hi") == 200
    assert await answered(rig, sender, 1) == [f"{GREETING}\n\nyou wrote: hi"]


async def test_files_without_words_are_told_to_the_agent(rig):
    await rig.twilio.write(
        PERSON,
        OURS,
        "",
        NumMedia="1",
        MediaUrl0=f"{rig.twilio.url}/media/none",
        MediaContentType0="image/jpeg",
    )
    await answered(rig, PERSON, 1)
    (room,) = {row.room_id for row in await rig.rows_of(PERSON)}
    (line,) = [item for item in await rig.lines(room) if item.kind == Kind.MESSAGE_RECEIVED]
    assert "image/jpeg" in line.text


async def test_a_call_and_three_channels_are_one_room_in_one_order(rig):
    room_id = await rig.call(PERSON, OURS, HangupCause.WORKER_LOST)
    await answered(rig, PERSON, 1)
    for channel, text in (("", "one"), ("whatsapp:", "two"), ("", "three"), ("whatsapp:", "four")):
        await rig.twilio.write(f"{channel}{PERSON}", f"{channel}{OURS}", text)
    await answered(rig, PERSON, 3)
    await answered(rig, f"whatsapp:{PERSON}", 2)
    lines = await rig.lines(room_id)
    assert [line.text for line in lines if line.kind == Kind.MESSAGE_RECEIVED] == [
        "one",
        "two",
        "three",
        "four",
    ]
    cut, *replies = [line.text for line in lines if line.kind == Kind.MESSAGE_WRITTEN]
    assert "cut off" in cut
    assert replies == [f"you wrote: {text}" for text in ("one", "two", "three", "four")]
    assert not [line for line in lines if line.kind == Kind.TEXT_GREETING]


@pytest.mark.parametrize("stop_by", ["", "whatsapp:"])
async def test_a_stop_by_one_channel_silences_all_until_start(rig, stop_by):
    await rig.twilio.write(f"{stop_by}{PERSON}", f"{stop_by}{OURS}", " Stop. ")
    for prefix in ("", "whatsapp:"):
        await rig.twilio.write(f"{prefix}{PERSON}", f"{prefix}{OURS}", "are you there?")
    room_id = await rig.call(PERSON, OURS, HangupCause.WORKER_LOST)
    assert await rig.decisions(room_id, 1) == ["opted_out"]
    await rig.until(lambda: rig.texting.desk.pending == 0, "the inbox")
    await asyncio.sleep(0.3)
    assert rig.twilio.taken == []
    lines = await rig.lines(room_id)
    assert not [line for line in lines if line.kind == Kind.MESSAGE_WRITTEN]
    # What they wrote stands there all the same: a person may look.
    assert len([line for line in lines if line.kind == Kind.MESSAGE_RECEIVED]) == 2

    await rig.twilio.write(f"{stop_by}{PERSON}", f"{stop_by}{OURS}", "START")
    await rig.twilio.write(PERSON, OURS, "and now?")
    await rig.until(
        lambda: any("and now?" in item.body for item in rig.twilio.taken), "an answer again"
    )
