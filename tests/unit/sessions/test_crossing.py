"""Written messages and operators' lines in a running call: each is dealt with there, or given back, once."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import AgentBase
from gateway.model.hangup import HangupCause
from gateway.model.line import Line, SaidByOther, TextTyped
from gateway.rooms.timeline import Kind
from gateway.sessions.crossing import WAITING_MOST
from gateway.sessions.state import SessionState
from tests.support.virtual_clock import run_virtual
from tests.unit.sessions.bench import Bench, FakeAgent, speech

FACTS = {"channel": "sms", "provider_id": "SM1"}
GREETING = "Hello and welcome."


def answering(after_s: float = 0.5) -> FakeAgent:
    """An agent that says "answer" so long after a text."""

    async def converse(line: Line) -> None:
        async for event in line.events():
            agent.told.append(event)
            if isinstance(event, TextTyped):
                await asyncio.sleep(after_s)
                line.say(speech("answer", 1_000))

    agent = FakeAgent(converse)
    return agent


def handed_over(bench: Bench) -> list[dict]:
    entries = bench.recorder.all(Kind.AGENT_EVENT)
    return [dict(entry.facts) for entry in entries if entry.facts["name"] == "handed_over"]


# Messages ---------------------------------------------------------------------------------------------


def test_a_message_is_the_agents_turn_and_answered_once_the_answer_was_heard() -> None:
    async def call() -> None:
        bench = Bench(agent=answering())
        bench.start()
        await bench.until_gate()
        done = bench.session.crossing.hand_over("Are you open?", FACTS)
        await asyncio.sleep(1.0)
        assert not done.done()
        await asyncio.sleep(1.0)
        assert done.result() is True
        await bench.hung_up_by_caller()

        assert [event.text for event in bench.agent.heard(TextTyped)] == ["Are you open?"]
        # It stands in the timeline as the message that it is, so not once more as something said.
        assert bench.recorder.all(Kind.USER_SAID) == []
        assert handed_over(bench) == [{"name": "handed_over", **FACTS}]

    run_virtual(call())


def test_a_message_waits_until_the_greeting_was_heard() -> None:
    async def call() -> None:
        bench = Bench(agent=answering())
        bench.start()
        done = [bench.session.crossing.hand_over(text, FACTS) for text in ("one", "two")]
        await bench.until(lambda: bench.session.state is SessionState.GREETING)
        assert handed_over(bench) == []
        await bench.until_gate()
        await asyncio.gather(*done)
        await bench.hung_up_by_caller()

        assert [event.text for event in bench.agent.heard(TextTyped)] == ["one", "two"]
        kinds = bench.recorder.kinds()
        assert kinds.index(Kind.GATE_OPENED) < kinds.index(Kind.AGENT_EVENT)

    run_virtual(call())


def test_what_sounds_already_is_not_the_answer() -> None:
    async def talk(line: Line) -> None:
        for text in ("first", "second"):
            line.say(speech(text, 2_000))
        async for _ in line.events():
            """It never answers."""

    async def call() -> None:
        bench = Bench(agent=FakeAgent(talk))
        bench.start()
        await bench.until_gate()
        await asyncio.sleep(1)
        done = bench.session.crossing.hand_over("hi", FACTS)
        await asyncio.sleep(2)
        assert not done.done()
        await bench.hung_up_by_caller()
        assert done.result() is False

    run_virtual(call())


Deed = Callable[[Bench], None]

ENDS: dict[str, Deed] = {
    "the caller hangs up": lambda bench: bench.leg.end(HangupCause.CALLER_HUNG_UP),
    "the worker dies": lambda bench: bench.leg.end(HangupCause.WORKER_LOST, returns_marks=False),
    "an operator hangs up": lambda bench: bench.session.hang_up(HangupCause.OPERATOR_HUNG_UP),
    "the gateway drains": lambda bench: bench.session.close(HangupCause.DRAINING),
    "the session is cancelled": lambda bench: bench.task.cancel() and None,
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.5, 3.0])
def test_a_call_that_ends_gives_back_what_it_did_not_answer(end: Deed, after_s: float) -> None:
    async def call() -> None:
        bench = Bench(agent=answering(60.0))
        bench.start()
        await asyncio.sleep(after_s)
        done = bench.session.crossing.hand_over("hi", FACTS)
        spoken = bench.session.crossing.say(["A line."], by="operator") if after_s < 1 else None
        end(bench)
        await bench.over()
        assert done.result() is False
        assert spoken is None or spoken.done()
        # And afterwards at once.
        assert bench.session.crossing.hand_over("late", FACTS).result() is False
        assert bench.session.crossing.say(["late"], by="operator").result() is False

    run_virtual(call())


@settings(max_examples=150, deadline=None)
@given(
    arrives_s=st.floats(0.0, 4.0),
    ends_s=st.floats(0.0, 5.0),
    thinks_s=st.floats(0.0, 1.0),
    end=st.sampled_from(sorted(ENDS)),
)
def test_exactly_one_of_call_and_desk_answers(
    arrives_s: float, ends_s: float, thinks_s: float, end: str
) -> None:
    async def call() -> None:
        bench = Bench(agent=answering(thinks_s))
        bench.start()
        asyncio.get_running_loop().call_later(ends_s, ENDS[end], bench)
        await asyncio.sleep(arrives_s)
        is_answered = await bench.session.crossing.hand_over("hi", FACTS)
        await bench.over()
        heard = [
            entry
            for entry in bench.recorder.all(Kind.AGENT_SAID)
            if entry.text == "answer"[: len(entry.text)] and not entry.facts.get("greeting")
        ]
        assert is_answered == bool(heard)

    run_virtual(call())


def test_a_full_call_takes_no_more() -> None:
    async def call() -> None:
        bench = Bench()
        bench.start()
        done = [bench.session.crossing.hand_over("hi", FACTS) for _ in range(WAITING_MOST + 1)]
        assert [each.done() for each in done] == [False] * WAITING_MOST + [True]
        await bench.until_gate()
        await bench.hung_up_by_caller()
        assert not any(each.result() for each in done)

    run_virtual(call())


# Lines ------------------------------------------------------------------------------------------------


def said(bench: Bench) -> list[tuple[str, object]]:
    return [
        (entry.text, entry.facts.get("by", entry.facts.get("greeting")))
        for entry in bench.recorder.all(Kind.AGENT_SAID)
    ]


def test_an_operators_line_is_spoken_after_what_is_being_said_and_told_as_heard() -> None:
    async def talk(line: Line) -> None:
        line.say(speech("We are open.", 2_000))
        async for event in line.events():
            bench_told.append(event)

    bench_told: list[object] = []

    async def call() -> None:
        bench = Bench(agent=FakeAgent(talk))
        bench.start()
        await bench.until_gate()
        done = bench.session.crossing.say(["Your taxi is here.", "It is blue."], by="operator")
        assert await done is True
        await asyncio.sleep(2)
        await bench.hung_up_by_caller()

        assert said(bench) == [
            (GREETING, True),
            ("We are open.", None),
            ("Your taxi is here.", "operator"),
            ("It is blue.", "operator"),
        ]
        # The agent knows of it, so that its history and its turn taking do.
        lines = [event for event in bench_told if isinstance(event, SaidByOther)]
        assert [event.speech.text for event in lines] == ["Your taxi is here.", "It is blue."]

    run_virtual(call())


def test_a_line_waits_for_the_gate_and_lines_keep_their_order() -> None:
    async def call() -> None:
        bench = Bench()
        bench.phrases.first_voice.delay_s = 0.2
        bench.start()
        done = [bench.session.crossing.say([text], by="operator") for text in ("one", "two")]
        assert await asyncio.gather(*done) == [True, True]
        await bench.hung_up_by_caller()
        assert said(bench) == [(GREETING, True), ("one", "operator"), ("two", "operator")]

    run_virtual(call())


def test_a_line_cut_by_the_hang_up_is_told_as_far_as_it_was_heard() -> None:
    async def call() -> None:
        bench = Bench()
        bench.start()
        await bench.until_gate()
        done = bench.session.crossing.say(["Your taxi is here now."], by="operator")
        await asyncio.sleep(0.6)
        await bench.hung_up_by_caller()

        assert done.result() is True
        entry = bench.recorder.all(Kind.AGENT_SAID)[-1]
        assert entry.facts["interrupted"] is True
        assert 0 < len(entry.text) < len("Your taxi is here now.")

    run_virtual(call())


def test_a_line_that_no_voice_can_say_is_given_back_and_the_next_is_said() -> None:
    async def call() -> None:
        bench = Bench()
        bench.start()
        await bench.until_gate()
        bench.phrases.first_voice.fails = bench.phrases.second_voice.fails = True
        failed = bench.session.crossing.say(["one"], by="operator")
        assert await failed is False
        bench.phrases.first_voice.fails = False
        assert await bench.session.crossing.say(["two"], by="operator") is True
        await bench.hung_up_by_caller()
        assert said(bench) == [(GREETING, True), ("two", "operator")]

    run_virtual(call())


def test_nothing_is_said_over_the_last_words() -> None:
    async def call() -> None:
        bench = Bench(settings=AgentBase(greeting=GREETING, goodbye="Goodbye now."))
        bench.start()
        await bench.until_gate()
        bench.session.close(HangupCause.DRAINING)
        await asyncio.sleep(0.1)
        assert bench.session.crossing.say(["One more thing."], by="operator").result() is False
        await bench.over()
        assert said(bench) == [(GREETING, True), ("Goodbye now.", None)]

    run_virtual(call())
