"""Each way in which a telephone call fails ends in one message to the caller, in the room of the call."""

import json
import os
import signal
import time
from collections.abc import Callable

from tests.interop.fallback.conftest import (
    AGENT_FAILED,
    BROKEN,
    BY_SMS,
    BY_WHATSAPP,
    CUT,
    MAX_CALLS,
    MISSED,
    REFUSED,
    SCENARIOS,
    TEMPLATE,
    delivered,
    of_kind,
    timeline,
    wait_for_line,
)
from tests.interop.fallback.outside import Outside
from tests.interop.gateway.conftest import ASK_HOURS, Call, Words
from tests.interop.gateway.running_gateway import RunningGateway, entries, until
from tests.support.twilio_stand_in import Taken

QUIET_S = 1.0
"""So long nothing more may come."""


def reached(
    gateway: RunningGateway,
    outside: Outside,
    person: str,
    text: str,
    *,
    trigger: str,
    cause: str | None,
    address: str = "",
) -> Taken:
    """Return the one message that a person got for their call; all that is written of it agrees."""
    address = address or person
    channel = "whatsapp" if address.startswith("whatsapp:") else "sms"
    record = gateway.wait_until_ended(person, 30)
    (message, *_) = outside.messages(address, 1)
    assert cause is None or record["cause"] == cause
    room_id = record["room_id"]
    assert delivered(gateway, room_id, 1)["cause"] == f"fallback:call:{record['call_id']}#0"
    # It is written down after it was sent.
    lines = wait_for_line(gateway, room_id, lambda line: line["kind"] == "fallback")
    (decided,) = of_kind(lines, "fallback")
    assert decided["facts"]["trigger"] == trigger
    assert decided["call_id"] == record["call_id"]
    (written,) = of_kind(lines, "message_written")
    assert written["text"] == text
    assert written["facts"]["by"] == "fallback"
    assert decided["facts"]["channel"] == channel
    assert gateway.metric("offhook_fallbacks_total", reason=trigger, channel=channel) >= 1
    time.sleep(QUIET_S)
    assert len(outside.taken(person)) + len(outside.taken(f"whatsapp:{person}")) == 1
    return message


def test_who_gives_up_before_the_answer_is_written_to(
    desk: RunningGateway, call: Call, outside: Outside, person: str
) -> None:
    caller = call(desk, BY_SMS, scenario="cancelled", scenarios=SCENARIOS, number=person)
    caller.expect_success()
    message = reached(desk, outside, person, MISSED, trigger="missed", cause=None)
    assert message.body == MISSED
    assert message.fields["From"] == BY_SMS


def test_who_hangs_up_before_the_greeting_has_ended_is_written_to(
    desk: RunningGateway, call: Call, outside: Outside, person: str
) -> None:
    caller = call(desk, BY_SMS, scenario="until_we_hang_up", hold_s=0.5, number=person)
    caller.expect_success()
    message = reached(desk, outside, person, MISSED, trigger="missed", cause="caller_hung_up")
    assert message.body == MISSED


def test_who_heard_the_greeting_and_hung_up_is_left_alone(
    desk: RunningGateway, call: Call, outside: Outside, person: str
) -> None:
    caller = call(desk, BY_SMS, scenario="until_we_hang_up", hold_s=6, number=person)
    desk.wait_for(person, "gate_opened", reason="greeting_played")
    caller.expect_success()
    record = desk.wait_until_ended(person)
    assert record["cause"] == "caller_hung_up"
    time.sleep(QUIET_S)
    assert not outside.taken(person)
    assert not of_kind(timeline(desk, record["room_id"]), "fallback")


def test_who_is_refused_for_capacity_is_written_to(
    desk: RunningGateway,
    call: Call,
    outside: Outside,
    person: str,
    another_person: Callable[[], str],
) -> None:
    others = [call(desk, BY_SMS, number=another_person()) for _ in range(MAX_CALLS)]
    for other in others:
        desk.wait_for(other.number, "gate_opened")
    late = call(desk, BY_SMS, scenario="refused_503", number=person)
    late.expect_success()
    message = reached(desk, outside, person, REFUSED, trigger="refused", cause="capacity")
    assert message.body == REFUSED
    for other in others:
        call_id = desk.call_of(other.number)["call_id"]
        assert desk.get(f"/api/v1/calls/{call_id}/hangup", method="POST")[0] == 202
        other.expect_success()
        assert not outside.taken(other.number)
    until(lambda: desk.metric("offhook_calls_active") == 0, 10, "the end of all calls")


def test_whose_call_is_lost_with_its_worker_is_written_to(
    desk: RunningGateway, call: Call, outside: Outside, words: Words, person: str
) -> None:
    caller = call(desk, BY_SMS, number=person)
    desk.wait_for(person, "gate_opened", reason="greeting_played")
    caller.say(words(ASK_HOURS))
    desk.wait_for_words(person, "open until five", 25)
    (pid,) = desk.pids("telephony")
    os.kill(pid, signal.SIGKILL)

    reached(desk, outside, person, CUT, trigger="cut", cause="worker_lost")
    until(lambda: desk.pids("telephony") not in ([], [pid]), 15, "a new worker")
    until(desk.is_ready, 15, "readiness")


def test_whose_line_goes_dead_is_written_to(
    desk: RunningGateway, call: Call, outside: Outside, person: str
) -> None:
    caller = call(desk, BY_SMS, number=person)
    desk.wait_for(person, "gate_opened", reason="greeting_played")
    caller.fall_silent()
    reached(desk, outside, person, CUT, trigger="cut", cause="no_media")


def test_whose_agent_fails_is_written_to(
    desk: RunningGateway, call: Call, outside: Outside, words: Words, person: str
) -> None:
    caller = call(desk, BROKEN, number=person)
    desk.wait_for(person, "gate_opened", reason="greeting_played")
    caller.say(words(ASK_HOURS))
    caller.expect_success(60)
    record = desk.wait_until_ended(person)
    assert entries(record, "user_said")
    reached(desk, outside, person, AGENT_FAILED, trigger="agent_failed", cause="agent_failed")


def test_outside_whatsapps_window_the_template_is_sent(
    desk: RunningGateway, call: Call, outside: Outside, person: str
) -> None:
    caller = call(desk, BY_WHATSAPP, scenario="until_we_hang_up", hold_s=0.5, number=person)
    caller.expect_success()
    message = reached(
        desk,
        outside,
        person,
        MISSED,
        trigger="missed",
        cause="caller_hung_up",
        address=f"whatsapp:{person}",
    )
    assert message.fields["ContentSid"] == TEMPLATE
    assert json.loads(message.fields["ContentVariables"]) == {"1": MISSED}
    assert message.fields["From"] == f"whatsapp:{BY_WHATSAPP}"


def test_whom_whatsapp_does_not_reach_is_reached_by_sms(
    desk: RunningGateway, call: Call, outside: Outside, person: str
) -> None:
    outside.twilio.failures[f"whatsapp:{person}"] = 63003
    caller = call(desk, BY_WHATSAPP, scenario="until_we_hang_up", hold_s=0.5, number=person)
    caller.expect_success()
    (message,) = outside.messages(person, 1)
    assert message.body == MISSED
    record = desk.wait_until_ended(person)
    delivered(desk, record["room_id"], 1)
    lines = wait_for_line(
        desk, record["room_id"], lambda line: line["facts"].get("channel") == "sms"
    )
    # One line of what was said, though it took two messages.
    assert [line["text"] for line in of_kind(lines, "message_written")] == [MISSED]
    assert [line["facts"]["channel"] for line in of_kind(lines, "fallback")] == [
        "whatsapp",
        "sms",
    ]
    time.sleep(QUIET_S)
    assert len(outside.taken(person)) == 1
    assert len(outside.taken(f"whatsapp:{person}")) == 1
