"""Somebody is cut off, gets a message, answers it, and calls back: one room, one memory."""

import os
import signal

from tests.interop.fallback.conftest import BY_SMS, CUT, delivered, of_kind, timeline
from tests.interop.fallback.outside import ANSWER, Outside
from tests.interop.gateway.conftest import ASK_ADDRESS, ASK_HOURS, Call, Words
from tests.interop.gateway.running_gateway import RunningGateway, said, until

IN_WRITING = "Is Saturday fine, too? 🙂"


def test_a_conversation_goes_on_across_channels(
    desk: RunningGateway, call: Call, outside: Outside, words: Words, person: str
) -> None:
    caller = call(desk, BY_SMS, number=person)
    desk.wait_for(person, "gate_opened", reason="greeting_played")
    caller.say(words(ASK_HOURS))
    first = desk.wait_for_words(person, "open until five", 25)
    (pid,) = desk.pids("telephony")
    os.kill(pid, signal.SIGKILL)
    (cut_off,) = outside.messages(person, 1)
    assert cut_off.body == CUT

    outside.write(person, BY_SMS, IN_WRITING)
    _, answer = outside.messages(person, 2)
    # Who has spoken with the agent is not greeted again.
    assert answer.body == ANSWER
    assert answer.fields["From"] == BY_SMS
    told = outside.thought_of("Is Saturday fine, too?")
    assert "open" in told
    assert CUT in told
    delivered(desk, first["room_id"], 2)

    until(lambda: desk.pids("telephony") not in ([], [pid]), 15, "a new worker")
    until(desk.is_ready, 15, "readiness")
    again = call(desk, BY_SMS, number=person)

    def has_called_back() -> bool:
        return desk.call_of(person)["call_id"] != first["call_id"]

    until(has_called_back, 10, "the second call")
    desk.wait_for(person, "gate_opened", reason="greeting_played")
    again.say(words(ASK_ADDRESS))
    second = desk.wait_for_words(person, "open until five", 25)
    assert second["room_id"] == first["room_id"]
    status, _ = desk.get(f"/api/v1/calls/{second['call_id']}/hangup", method="POST")
    assert status == 202
    again.expect_success()
    told = outside.thought_of("address")
    for words_of_before in ("open", CUT, "Is Saturday fine, too?", ANSWER):
        assert words_of_before in told
    lines = timeline(desk, first["room_id"])
    assert [line["text"] for line in of_kind(lines, "message_received")] == [IN_WRITING]
    assert [line["text"] for line in of_kind(lines, "message_written")] == [CUT, ANSWER]
    assert {line["call_id"] for line in of_kind(lines, "user_said")} == {
        first["call_id"],
        second["call_id"],
    }
    assert [line["seq"] for line in lines] == sorted(line["seq"] for line in lines)
    assert said(second, "agent_said")
