"""Calls that we place keep the promises of calls that come in."""

import asyncio
from typing import Any

import pytest

from gateway.config import AgentBase
from gateway.model import events
from gateway.model.hangup import HangupCause
from gateway.rooms.timeline import Kind
from gateway.sessions.placed import WAITING_MOST, PlacedCall, PlacedCalls
from gateway.sessions.state import SessionState
from tests.support.virtual_clock import run_virtual
from tests.unit.sessions.bench import Bench, now

RING_S = 30.0


def placed(**more: Any) -> PlacedCall:
    values = {
        "call_id": "c_test",
        "number": "+493099",
        "person": "+4930123",
        "agent": "desk",
        "ring_s": RING_S,
        "max_call_s": 60,
    }
    return PlacedCall(**{**values, **more})


def picks_up(bench: Bench) -> None:
    """The person answers, and media is up a moment later."""
    bench.leg.acknowledge()
    asyncio.get_running_loop().call_later(0.03, bench.leg.media_up)


def test_whoever_picks_up_hears_the_greeting_and_then_is_heard() -> None:
    async def call() -> None:
        bench = Bench(placed=placed())
        bench.start()
        await bench.run_until(8.0)
        assert bench.session.state is SessionState.ANSWERING
        assert bench.leg.commands == []
        assert bench.leg.ear is None  # a ringing tone is nobody's speech
        picks_up(bench)
        await bench.until_gate()
        assert bench.leg.ear == bench.ear.number
        assert bench.recorder.said() == [("agent", "Hello and welcome.", False)]
        assert bench.agent.line is not None
        facts = bench.agent.line.facts
        assert (facts.caller, facts.callee) == ("+4930123", "+493099")
        assert bench.recorder.offered == [("c_test", "room of +4930123", "receptionist")]
        await bench.hung_up_by_caller()
        assert bench.gate_reason == "greeting_played"

    run_virtual(call())


def test_the_calls_own_greeting_and_purpose() -> None:
    async def call() -> None:
        bench = Bench(placed=placed(greeting="Your table is ready.", purpose="tell of the table"))
        bench.start()
        await bench.run_until(2.0)
        picks_up(bench)
        await bench.until_gate()
        assert bench.recorder.said() == [("agent", "Your table is ready.", False)]
        assert bench.agent.line is not None
        assert bench.agent.line.facts.purpose == "tell of the table"
        await bench.hung_up_by_caller()

    run_virtual(call())


def test_picked_up_before_we_were_prepared() -> None:
    async def call() -> None:
        bench = Bench(placed=placed())
        bench.phrases.first_voice.delay_s = 1.5
        bench.start()
        await bench.run_until(0.2)
        picks_up(bench)
        await bench.run_until(1.0)
        assert bench.session.state is SessionState.PREPARING
        await bench.until_gate()
        assert bench.recorder.said() == [("agent", "Hello and welcome.", False)]
        assert bench.recorder.one(Kind.ANSWERED).offset_ms < 300
        await bench.hung_up_by_caller()
        assert bench.gate_reason == "greeting_played"

    run_virtual(call())


def test_hung_up_by_them_before_we_were_prepared() -> None:
    async def call() -> None:
        bench = Bench(placed=placed())
        bench.phrases.first_voice.delay_s = 1.5
        bench.start()
        await bench.run_until(0.2)
        picks_up(bench)
        await bench.run_until(0.5)
        await bench.hung_up_by_caller()
        assert bench.cause is HangupCause.CALLER_HUNG_UP

    run_virtual(call())


def test_nobody_answers() -> None:
    async def call() -> None:
        bench = Bench(placed=placed())
        bench.start()
        began = now()
        await bench.until(lambda: bool(bench.leg.commands), 60)
        assert bench.leg.commands == ["hang_up no_answer"]
        assert now() - began == pytest.approx(RING_S, abs=0.5)
        await bench.over()
        assert bench.cause is HangupCause.NO_ANSWER
        assert bench.agent.line is None

    run_virtual(call())


@pytest.mark.parametrize("cause", [HangupCause.BUSY, HangupCause.TRUNK_FAILED])
def test_the_far_end_does_not_take_it(cause: HangupCause) -> None:
    async def call() -> None:
        bench = Bench(placed=placed())
        bench.start()
        await bench.run_until(2.0)
        bench.leg.end(cause)
        await bench.over()
        assert bench.cause is cause
        assert not bench.recorder.all(Kind.GREETING_STARTED)

    run_virtual(call())


@pytest.mark.parametrize("at_s", [0.0, 0.5, 5.0])
def test_hung_up_while_it_rings(at_s: float) -> None:
    async def call() -> None:
        bench = Bench(placed=placed())
        bench.phrases.first_voice.delay_s = 1.0
        bench.start()
        await bench.run_until(at_s)
        bench.session.hang_up(HangupCause.OPERATOR_HUNG_UP)
        await bench.over()
        assert bench.cause is HangupCause.OPERATOR_HUNG_UP
        assert len(bench.leg.commands) == 1

    run_virtual(call())


def test_a_drain_says_no_goodbye_to_a_phone_that_rings() -> None:
    async def call() -> None:
        bench = Bench(placed=placed())
        bench.start()
        await bench.run_until(5.0)
        bench.session.close(HangupCause.DRAINING)
        await bench.over()
        assert bench.leg.commands == ["hang_up draining"]

    run_virtual(call())


def test_the_answer_crosses_our_hang_up() -> None:
    async def call() -> None:
        bench = Bench(placed=placed())
        bench.start()
        await bench.run_until(5.0)
        bench.leg.acknowledge()
        bench.session.hang_up(HangupCause.OPERATOR_HUNG_UP)
        await bench.over()
        assert bench.cause is HangupCause.OPERATOR_HUNG_UP

    run_virtual(call())


def test_it_is_no_longer_than_it_may_be() -> None:
    async def call() -> None:
        bench = Bench(placed=placed(max_call_s=20))
        bench.start()
        await bench.run_until(1.0)
        picks_up(bench)
        await bench.until_gate()
        await bench.until(lambda: bench.session.state is SessionState.CLOSING, 60)
        assert now() - bench.offered_s == pytest.approx(21.0, abs=0.5)
        await bench.over()
        assert bench.cause is HangupCause.MAX_DURATION

    run_virtual(call())


def test_a_greeting_of_its_own_replaces_a_file() -> None:
    settings = AgentBase(greeting="Usual.")
    assert placed().settings(settings) is settings
    assert placed(greeting="Special.").settings(settings).greeting == "Special."


def test_placed_calls_are_taken_once_and_bounded() -> None:
    calls = PlacedCalls()
    for number in range(WAITING_MOST):
        calls.expect(placed(call_id=f"c_{number}"))
    with pytest.raises(RuntimeError):
        calls.expect(placed())
    assert calls.take("c_1") is not None
    assert calls.take("c_1") is None


def test_only_ours_are_outbound() -> None:
    offered = events.Offered(
        call_id="c_test",
        at_s=0.0,
        endpoint=events.EndpointKind.SIP,
        caller="+493099",
        callee="sip:004930123@192.0.2.1:5060",
        direction=events.Direction.OUTBOUND,
    )
    known = placed().as_offered(offered)
    assert (known.caller, known.callee, known.agent) == ("+493099", "+4930123", "desk")
    assert known.direction is events.Direction.OUTBOUND
