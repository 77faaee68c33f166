"""Keys, tones, words and silence after the greeting, and the ways in which a call ends."""

import time

import numpy as np

from tests.interop.gateway.conftest import (
    ASK_HOURS,
    ECHO_GREETING,
    FAQ,
    GOODBYE,
    HOURS,
    LEAVE,
    Call,
    StartGateway,
    Words,
)
from tests.interop.gateway.matching import find, loud_part, tone_share
from tests.interop.gateway.running_gateway import (
    RunningGateway,
    call_kinds,
    entries,
    kinds,
    said,
    tell,
    until,
)
from tests.interop.support.rtp import tone
from tests.interop.support.wire_phone import WirePhone

TONE_HZ = 700
SILENT_CALLERS = f"""
[turns]
reprompt_after_s = 2
reprompts = 2
[agents.desk]
kind = "receptionist"
{FAQ.format(name="desk")}
"""


def test_a_question_is_answered_and_the_agent_hangs_up_after_its_goodbye(
    desk: RunningGateway, call: Call, words: Words, rendered: Words
) -> None:
    caller = call(desk)
    desk.wait_for(caller.number, "gate_opened", reason="greeting_played")
    caller.say(words(ASK_HOURS))
    desk.wait_for_words(caller.number, "nine to five")
    caller.say(words(LEAVE))
    caller.expect_success()  # the BYE comes from the gateway
    record = desk.wait_until_ended(caller.number)

    assert record["cause"] == "agent_hung_up"
    assert len(entries(record, "user_said")) >= 2
    assert "goodbye" in said(record, "agent_said")
    heard = caller.heard()
    assert find(loud_part(rendered(HOURS)), heard).correlation > 0.97
    goodbye = find(loud_part(rendered(GOODBYE)), heard)
    assert goodbye.correlation > 0.97, tell(record)
    last = entries(record, "agent_said")[-1]
    assert not last["facts"]["interrupted"]
    (ended,) = entries(record, "ended")
    assert ended["offset_ms"] >= last["offset_ms"]
    turn = entries(record, "agent_event", name="turn")[0]["facts"]
    assert turn["recognition_ms"] > 0


def test_the_echo_agent_returns_a_tone_and_takes_keys(
    desk: RunningGateway, call: Call, rendered: Words
) -> None:
    caller = call(desk, "echo")
    desk.wait_for(caller.number, "gate_opened", reason="greeting_played")
    said_at_s = time.monotonic()
    caller.say(np.frombuffer(tone(TONE_HZ, 1.5, 8_000), dtype="<i2").astype(np.float64))
    caller.wait_until_said()
    time.sleep(0.5)
    back = caller.heard_since(said_at_s)
    loudest = int(np.argmax(np.convolve(back**2, np.ones(4_000), "valid")))
    assert tone_share(back[loudest : loudest + 4_000], TONE_HZ) > 0.9
    assert tone_share(back[loudest : loudest + 4_000], TONE_HZ * 2) < 0.01
    assert find(rendered(ECHO_GREETING), caller.heard()).correlation > 0.97

    caller.media.press(5)
    desk.wait_for(caller.number, "dtmf", digit="5")
    caller.media.press(11)
    caller.expect_success()
    record = desk.wait_until_ended(caller.number)
    assert [line["facts"]["digit"] for line in entries(record, "dtmf")] == ["5", "#"]
    assert record["cause"] == "agent_hung_up"


def test_an_unknown_number_is_refused_and_written_down(desk: RunningGateway, call: Call) -> None:
    caller = call(desk, "nobody", scenario="refused_404")
    caller.expect_success()
    record = desk.wait_until_ended(caller.number)
    assert record["cause"] == "no_route"
    assert record["callee"] == "nobody"
    assert record["answered_ms"] is None
    assert kinds(record)[0] == "offered"
    assert call_kinds(record)[-1] == "ended"
    assert not caller.media.packets


def test_a_caller_who_gives_up_while_it_rings(desk: RunningGateway) -> None:
    before = {record["call_id"] for record in desk.calls()}
    with WirePhone(desk.sip_port) as phone:
        phone.invite()
        phone.expect(180, "INVITE")
        phone.cancel()
        final = phone.receive(5)
        while final is not None and (final.status < 200 or final.method != "INVITE"):
            final = phone.receive(5)
        assert final is not None, "no final response"
        phone.send("ACK", 1)
        if final.status == 200:  # the answer was on its way
            phone.send("BYE", 2)
            phone.expect(200, "BYE")
        else:
            assert final.status == 487
    (new,) = until(
        lambda: [item for item in desk.calls() if item["call_id"] not in before], 5, "its record"
    )
    record = until(
        lambda: (found := desk.record(new["call_id"]))["cause"] and found, 5, "the end of the call"
    )
    assert call_kinds(record)[-1] == "ended"
    assert record["cause"] == ("caller_hung_up" if final.status == 200 else "caller_cancelled")


def test_a_caller_who_hangs_up_in_the_greeting(desk: RunningGateway, call: Call) -> None:
    caller = call(desk, "long", scenario="until_we_hang_up", hold_s=1.5)
    caller.expect_success()
    record = desk.wait_until_ended(caller.number)
    assert record["cause"] == "caller_hung_up"
    (played,) = entries(record, "greeting_played")
    assert played["facts"]["interrupted"]
    assert 800 < played["facts"]["heard_ms"] < 2_000
    (line,) = entries(record, "agent_said", greeting=True)
    assert line["text"].startswith("Hello")
    assert len(line["text"]) < 60
    assert entries(record, "gate_opened", reason="hung_up")


def test_a_caller_who_hangs_up_in_the_conversation(
    desk: RunningGateway, call: Call, words: Words
) -> None:
    caller = call(desk, scenario="until_we_hang_up", hold_s=6)
    desk.wait_for(caller.number, "gate_opened", reason="greeting_played")
    caller.say(words(ASK_HOURS))
    caller.expect_success()
    record = desk.wait_until_ended(caller.number)
    assert record["cause"] == "caller_hung_up"
    assert entries(record, "user_said")
    assert call_kinds(record)[-1] == "ended"


def test_an_operator_ends_a_live_call(desk: RunningGateway, call: Call) -> None:
    caller = call(desk)
    record = desk.wait_for(caller.number, "gate_opened")
    assert record["state"] == "conversing"
    active = desk.metric("offhook_calls_active")
    status, body = desk.get(f"/api/v1/calls/{record['call_id']}/hangup", method="POST")
    assert status == 202, body
    caller.expect_success()
    record = desk.wait_until_ended(caller.number)
    assert record["cause"] == "operator_hung_up"
    assert desk.metric("offhook_calls_active") == active - 1
    again, body = desk.get(f"/api/v1/calls/{record['call_id']}/hangup", method="POST")
    assert (again, body["error"]["code"]) == (409, "call.ended")


def test_the_metrics_have_their_names_and_count(desk: RunningGateway, call: Call) -> None:
    before = desk.metric("offhook_calls_total", endpoint="sip", outcome="caller_hung_up")
    greeted = desk.metric("offhook_answer_to_greeting_seconds_count")
    caller = call(desk, scenario="until_we_hang_up", hold_s=1)
    caller.expect_success()
    desk.wait_until_ended(caller.number)

    after = desk.metric("offhook_calls_total", endpoint="sip", outcome="caller_hung_up")
    assert after == before + 1
    assert desk.metric("offhook_answer_to_greeting_seconds_count") == greeted + 1
    page = desk.get("/metrics")[1]
    for name, kind in (
        ("offhook_calls_active", "gauge"),
        ("offhook_calls_total", "counter"),
        ("offhook_answer_to_greeting_seconds", "histogram"),
        ("offhook_greeting_gate_seconds", "histogram"),
        ("offhook_barge_in_seconds", "histogram"),
        ("offhook_turn_response_seconds", "histogram"),
        ("offhook_media_tick_lateness_seconds", "histogram"),
        ("offhook_frames_dropped_total", "counter"),
        ("offhook_messages_total", "counter"),
        ("offhook_fallbacks_total", "counter"),
    ):
        assert f"# TYPE {name} {kind}\n" in page
    assert 'offhook_greeting_gate_seconds_count{reason="hung_up"}' in page
    assert desk.metric("offhook_media_tick_lateness_seconds_count") > 40


def test_a_silent_caller_is_asked_twice_and_bidden_goodbye(
    own_gateway: StartGateway, call: Call, rendered: Words
) -> None:
    gateway = own_gateway(SILENT_CALLERS)
    caller = call(gateway)
    caller.expect_success(40)
    record = gateway.wait_until_ended(caller.number)
    assert record["cause"] == "no_input"
    assert said(record, "agent_said").count("are you still there?") == 2
    assert "goodbye" in said(record, "agent_said")
    assert find(loud_part(rendered(GOODBYE)), caller.heard()).correlation > 0.97
    assert not entries(record, "user_said")
    assert not gateway.troubles()
