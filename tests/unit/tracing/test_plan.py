"""What a call's trace tells, from its timeline."""

from dataclasses import replace

import pytest

from gateway.rooms.timeline import Entry, Kind
from gateway.tracing.plan import SpanPlan, plan_call
from tests.support.fake_http_ports import a_call

BEGIN = 1_700_000_000.25


def entry(kind: Kind, offset_ms: float, text: str = "", **facts: object) -> Entry:
    return Entry(
        room_id="r_1", call_id="c_1", kind=kind, offset_ms=offset_ms, text=text, facts=facts
    )


ENTRIES = (
    entry(Kind.OFFERED, 0.0, caller="+4930123456", callee="100"),
    entry(Kind.ANSWERED, 40.5),
    entry(Kind.MEDIA_UP, 60.0, codec="PCMU/8000", reason="packet"),
    entry(Kind.GREETING_STARTED, 70.0, audio="cached"),
    entry(Kind.GREETING_PLAYED, 2070.0, interrupted=False, heard_ms=2000.0),
    entry(Kind.GATE_OPENED, 2190.0, reason="greeting_played"),
    entry(Kind.USER_SAID, 4500.0, "my card number is 4111"),
    entry(
        Kind.AGENT_EVENT,
        5000.0,
        name="turn",
        endpointing_ms=300.0,
        recognition_ms=250.0,
        words_late_ms=50.0,
        model_ms=200.0,
        synthesis_ms=100.0,
        first_packet_ms=50.0,
        response_ms=700.0,
    ),
    entry(Kind.DTMF, 6000.0, digit="4"),
    entry(Kind.MESSAGE_WRITTEN, 7000.0, "your code is 123", channel="sms"),
    entry(Kind.ENDED, 9000.0, cause="caller_hung_up"),
)
RECORD = replace(a_call("c_1", cause="caller_hung_up"), ended_ms=9000.0)


def ms(plan: SpanPlan) -> tuple[float, float]:
    return round((plan.start - BEGIN) * 1000, 1), round((plan.end - BEGIN) * 1000, 1)


def test_a_call_has_its_phases_turns_and_messages() -> None:
    call = plan_call(RECORD, ENTRIES)
    assert (call.name, ms(call), call.error) == ("call", (0.0, 9000.0), "")
    assert [(child.name, ms(child)) for child in call.children] == [
        ("ring", (0.0, 40.5)),
        ("gate", (40.5, 2190.0)),
        ("greeting", (70.0, 2070.0)),
        ("turn", (4300.0, 5000.0)),
        ("message written", (7000.0, 7000.0)),
    ]
    assert call.children[1].attributes == {"offhook.reason": "greeting_played"}
    assert [name for name, _, _ in call.moments] == ["media up", "key"]


def test_a_turn_tells_where_its_time_went() -> None:
    (turn,) = [child for child in plan_call(RECORD, ENTRIES).children if child.name == "turn"]
    assert [(part.name, ms(part)) for part in turn.children] == [
        ("endpointing", (4300.0, 4600.0)),
        ("stt", (4400.0, 4650.0)),
        ("llm", (4650.0, 4850.0)),
        ("tts", (4850.0, 4950.0)),
        ("first audio", (4950.0, 5000.0)),
    ]


def test_no_number_digit_or_word_is_in_a_trace() -> None:
    text = repr(plan_call(replace(RECORD, caller_name="Ann", detail="BYE from Ann"), ENTRIES))
    for private in ("4930123456", "4111", "123'", "Ann", "digit", "caller_name"):
        assert private not in text


@pytest.mark.parametrize(
    ("cause", "error"),
    [("worker_lost", "worker_lost"), ("no_media", "no_media"), ("agent_hung_up", ""), ("odd", "")],
)
def test_faults_are_errors_and_outcomes_are_not(cause: str, error: str) -> None:
    assert plan_call(replace(RECORD, cause=cause), ()).error == error


def test_a_call_that_was_never_answered_only_rang() -> None:
    record = replace(RECORD, answered_ms=None, ended_ms=500.0, cause="caller_cancelled")
    call = plan_call(record, (entry(Kind.GATE_OPENED, 500.0, reason="hung_up"),))
    assert [(child.name, ms(child)) for child in call.children] == [("ring", (0.0, 500.0))]


def test_figures_that_make_no_sense_make_no_span_run_backwards() -> None:
    odd = entry(
        Kind.AGENT_EVENT, 100.0, name="turn", endpointing_ms=-5.0, model_ms=9e9, response_ms="x"
    )
    call = plan_call(RECORD, (odd,))

    def check(plan: SpanPlan) -> None:
        assert plan.start <= plan.end
        for child in plan.children:
            check(child)

    check(call)
