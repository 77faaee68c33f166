"""A call whose far end has a screen: what it is told, and what becomes of what it types."""

import asyncio
from dataclasses import replace

from gateway.config import AgentBase, GreetingSection
from gateway.model.events import Capabilities
from gateway.model.hangup import HangupCause
from gateway.model.line import Role, TextTyped
from gateway.rooms.timeline import Kind
from tests.support.virtual_clock import run_virtual
from tests.unit.sessions.bench import Bench


def a_bench(**more) -> Bench:
    bench = Bench(**more)
    bench.leg.capabilities = Capabilities(messages=True)
    return bench


def told(bench: Bench, kind: str) -> list:
    return [each for each in bench.leg.messages if each["type"] == kind]


def test_the_screen_follows_the_call_from_greeting_to_end() -> None:
    async def call() -> None:
        bench = a_bench()
        bench.start()
        await bench.until_gate()
        bench.session.hang_up(HangupCause.OPERATOR_HUNG_UP)
        await bench.over()

        assert [each["state"] for each in told(bench, "state")] == [
            "greeting",
            "conversing",
            "hanging_up",
        ]
        assert [each["reason"] for each in told(bench, "gate")] == ["greeting_played"]
        interim, final = told(bench, "line")
        assert (interim["text"], interim["final"]) == ("Hello and welcome.", False)
        assert (final["text"], final["final"], final["id"]) == (
            "Hello and welcome.",
            True,
            interim["id"],
        )
        assert told(bench, "ended") == [{"type": "ended", "cause": "operator_hung_up"}]

    run_virtual(call())


def test_a_telephone_gets_no_messages() -> None:
    async def call() -> None:
        bench = Bench()
        bench.start()
        await bench.until_gate()
        await bench.hung_up_by_caller()

        assert bench.leg.messages == []

    run_virtual(call())


def test_typed_words_are_a_turn_of_the_conversation() -> None:
    async def call() -> None:
        bench = a_bench()
        bench.start()
        await bench.until_gate()
        bench.writes("When are you open?", "t-1")
        await asyncio.sleep(0.1)
        await bench.hung_up_by_caller()

        assert [event.text for event in bench.agent.heard(TextTyped)] == ["When are you open?"]
        said = bench.recorder.one(Kind.USER_SAID)
        assert (said.role, said.text) == (Role.USER, "When are you open?")
        assert said.facts["typed"] is True
        assert "held" not in said.facts
        assert told(bench, "line")[-1]["id"] == "t-1"

    run_virtual(call())


def test_what_is_typed_at_the_closed_gate_is_held_and_handed_over_in_order() -> None:
    async def call() -> None:
        bench = a_bench()
        bench.start()
        await bench.until(lambda: bench.leg.played)
        for text in ("one", "two", "three"):
            bench.writes(text)
        await asyncio.sleep(0.1)
        assert not bench.session.is_gate_open
        assert bench.agent.line is None

        await bench.until_gate()
        await asyncio.sleep(0.1)
        await bench.hung_up_by_caller()

        assert [event.text for event in bench.agent.told] == ["one", "two", "three"]
        assert bench.recorder.said() == [
            ("agent", "Hello and welcome.", False),
            ("user", "one", False),
            ("user", "two", False),
            ("user", "three", False),
        ]
        entries = bench.recorder.all(Kind.USER_SAID)
        assert all(entry.facts["held"] is True for entry in entries)
        gate = bench.recorder.one(Kind.GATE_OPENED)
        assert all(entry.facts["typed_ms"] < gate.offset_ms <= entry.offset_ms for entry in entries)
        kinds = bench.recorder.kinds()
        assert kinds.index(Kind.GATE_OPENED) < kinds.index(Kind.USER_SAID)

    run_virtual(call())


def test_what_nobody_could_answer_any_more_is_written_down_all_the_same() -> None:
    async def call() -> None:
        bench = a_bench()
        bench.start()
        await bench.until(lambda: bench.leg.played)
        bench.writes("wait")
        await asyncio.sleep(0.05)
        await bench.hung_up_by_caller()

        assert bench.agent.line is None
        assert ("user", "wait", False) in bench.recorder.said()

    run_virtual(call())


def test_messages_of_other_kinds_are_passed_over() -> None:
    async def call() -> None:
        bench = a_bench()
        bench.start()
        await bench.until_gate()
        for text in ("", "   ", "\x00"):
            bench.writes(text)
        await asyncio.sleep(0.1)
        await bench.hung_up_by_caller()

        assert bench.agent.heard(TextTyped) == []
        assert bench.recorder.all(Kind.USER_SAID) == []

    run_virtual(call())


def test_a_caller_may_have_less_time_than_others() -> None:
    async def call() -> None:
        bench = a_bench(settings=AgentBase(greeting="Hi."), greeting=GreetingSection())
        offered = replace(bench.offered, max_call_s=20)
        bench.session.offered = offered
        bench.start()
        await bench.over()

        assert bench.recorder.ended[0][1] is HangupCause.MAX_DURATION
        assert 20 <= bench.recorder.ended[0][2] / 1000 < 25

    run_virtual(call())
