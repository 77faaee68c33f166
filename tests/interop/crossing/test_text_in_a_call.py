"""A caller writes during the call and is answered in it; an agent texts its caller; a supervisor speaks up."""

import json
import time

import pytest

from tests.interop.crossing.conftest import FREE, OFFICE, OURS, TAXI, Ask
from tests.interop.fallback.conftest import delivered, of_kind, timeline, wait_for_line
from tests.interop.fallback.outside import Outside
from tests.interop.gateway.conftest import ASK_HOURS, HOURS, Call, Words
from tests.interop.gateway.running_gateway import (
    RunningGateway,
    entries,
    kinds,
    said,
    tell,
    until,
)
from tests.support.chat_server import text_answer, tool_answer


def test_an_sms_in_a_call_is_answered_by_voice_and_a_wish_for_a_text_by_sms(
    desk: RunningGateway, call: Call, outside: Outside, person: str
) -> None:
    call(desk, OURS, number=person)
    desk.wait_for(person, "gate_opened", reason="greeting_played")
    outside.write(person, OURS, ASK_HOURS)
    record = desk.wait_for_words(person, "nine to five")
    assert outside.taken(person) == []
    (handed,) = entries(record, "agent_event", name="handed_over")
    assert handed["facts"]["channel"] == "sms"

    outside.write(person, OURS, "Can you text me that?")
    (text,) = outside.messages(person, 1)
    assert text.body == HOURS
    assert text.fields["From"] == OURS
    record = desk.wait_for_words(person, "sent it to you as a text")
    delivered(desk, record["room_id"], 1)

    lines = timeline(desk, record["room_id"])
    assert [line["text"] for line in of_kind(lines, "message_received")] == [
        ASK_HOURS,
        "Can you text me that?",
    ]
    assert [line["facts"]["by"] for line in of_kind(lines, "message_written")] == ["desk"]
    assert of_kind(lines, "user_said") == []
    hang_up(desk, record)
    # The desk has nothing left to answer.
    time.sleep(1)
    assert len(outside.taken(person)) == 1


def test_what_is_written_while_the_greeting_plays_waits_for_its_end(
    desk: RunningGateway, call: Call, outside: Outside, person: str
) -> None:
    call(desk, OURS, number=person)
    desk.wait_for(person, "greeting_started")
    outside.write(person, OURS, ASK_HOURS)
    record = desk.wait_for_words(person, "nine to five")
    order = kinds(record)
    (handed,) = entries(record, "agent_event", name="handed_over")
    assert order.index("gate_opened") < record["timeline"].index(handed)
    (greeting,) = entries(record, "greeting_played")
    assert greeting["facts"]["interrupted"] is False
    hang_up(desk, record)


@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.3])
def test_when_the_call_ends_at_that_moment_exactly_one_of_call_and_desk_answers(
    desk: RunningGateway, call: Call, outside: Outside, person: str, after_s: float
) -> None:
    caller = call(desk, OURS, number=person, scenario="until_we_hang_up", hold_s=30)
    record = desk.wait_for(person, "gate_opened", reason="greeting_played")
    outside.write(person, OURS, ASK_HOURS)
    time.sleep(after_s)
    hang_up(desk, record)
    caller.sipp.stop()

    def answered() -> bool:
        texts = [item.body for item in outside.taken(person)]
        spoken = said(desk.call_of(person), "agent_said")
        return bool(texts) or bool(spoken)

    until(answered, 15, "an answer by either")
    time.sleep(1)
    texts = [item.body for item in outside.taken(person)]
    spoken = said(desk.call_of(person), "agent_said")
    assert (len(texts), bool(spoken)) in ((1, False), (0, True)), (texts, spoken)


def test_a_language_model_texts_its_caller_and_sees_the_answer_in_the_same_call(
    desk: RunningGateway, call: Call, outside: Outside, person: str
) -> None:
    outside.chat.requests.clear()
    outside.chat.answers[:] = [
        tool_answer("send_message", json.dumps({"text": "1 Harbour Road"})),
        text_answer("I have sent you the address."),
        text_answer("I am glad that it arrived."),
    ]
    call(desk, FREE, number=person)
    desk.wait_for(person, "gate_opened", reason="greeting_played")
    outside.write(person, FREE, "Where are you?")
    (text,) = outside.messages(person, 1)
    assert text.body == "1 Harbour Road"
    desk.wait_for_words(person, "sent you the address")
    outside.write(person, FREE, "Got it, thank you!")
    record = desk.wait_for_words(person, "glad that it arrived")
    assert len(entries(record, "agent_event", name="handed_over")) == 2
    assert "Got it, thank you!" in outside.thought_of("Where are you?")
    hang_up(desk, record)
    assert [item.body for item in outside.taken(person)] == ["1 Harbour Road"]


def test_a_supervisors_line_is_spoken_in_the_call_and_written_after_it(
    desk: RunningGateway, call: Call, outside: Outside, person: str, ask: Ask
) -> None:
    caller = call(desk, OURS, number=person)
    record = desk.wait_for(person, "gate_opened", reason="greeting_played")
    began_s = time.monotonic()
    status, told = ask(f"/api/v1/rooms/{record['room_id']}/messages", {"text": TAXI})
    assert (status, told["delivery"], told["call_id"]) == (202, "spoken", record["call_id"])
    record = desk.wait_for_words(person, "taxi is waiting")
    (line,) = entries(record, "agent_said", by="operator")
    assert line["text"] == TAXI
    assert line["facts"]["interrupted"] is False
    loud = abs(caller.heard_since(began_s)) > 500
    assert loud.sum() > 4_000, tell(record)
    assert outside.taken(person) == []

    hang_up(desk, record)
    status, told = ask(f"/api/v1/rooms/{record['room_id']}/messages", {"text": "It waits."})
    assert (status, told["delivery"]) == (202, "written"), told
    (text,) = outside.messages(person, 1)
    assert text.body == "It waits."
    lines = timeline(desk, record["room_id"])
    assert [each["text"] for each in lines if each["facts"].get("by") == "operator"] == [
        TAXI,
        "It waits.",
    ]


def test_a_message_that_the_receptionist_takes_reaches_the_office(
    desk: RunningGateway, call: Call, outside: Outside, person: str, words: Words
) -> None:
    call(desk, OURS, number=person)
    desk.wait_for(person, "gate_opened", reason="greeting_played")
    for text, reply in (
        ("I want to leave a message", "what is your name"),
        ("Ann Miller", "number you are calling from"),
        ("yes", "what is your message"),
        ("The boat is ready for you.", "is that right"),
        ("yes", "taken your message"),
    ):
        outside.write(person, OURS, text)
        desk.wait_for_words(person, reply, 25)
    until(lambda: outside.taken(OFFICE), 15, "the message for the office")
    (message,) = outside.taken(OFFICE)
    assert "Ann Miller" in message.body
    assert person in message.body
    assert "The boat is ready for you." in message.body
    record = desk.call_of(person)
    wait_for_line(
        desk, record["room_id"], lambda line: line["facts"].get("name") == "message_delivery"
    )
    hang_up(desk, record)


def hang_up(desk: RunningGateway, record: dict) -> None:
    status, _ = desk.get(f"/api/v1/calls/{record['call_id']}/hangup", method="POST")
    assert status == 202
    desk.wait_until_ended(record["caller"])
