"""A person at a real browser and the whole gateway: greeting, question and answer, transcript, interruption."""

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Route

from tests.browser.calls.browser import Samples, find_pieces, heard, was_heard
from tests.browser.calls.conftest import Person, Speaking
from tests.interop.gateway.conftest import (
    ASK_HOURS,
    GREETING,
    HOURS,
    LEAVE,
    LONG_GREETING,
)
from tests.interop.gateway.running_gateway import RunningGateway, entries, kinds, tell

Reference = Callable[[str], Samples]


def test_the_greeting_is_heard_whole_and_a_question_is_answered(
    web_desk: RunningGateway, person: Person, speaking: Speaking, reference: Reference
) -> None:
    caller = person(web_desk, microphone=speaking(6.0, ASK_HOURS, 8.0, LEAVE))
    caller.call()
    caller.wait_for_state("in_call")
    record = web_desk.wait_for(caller.number, "gate_opened", reason="greeting_played")
    caller.wait_for_line("agent", "thank you for calling")
    web_desk.wait_for_words(caller.number, "nine to five")
    caller.wait_for_line("caller", "open")
    caller.wait_for_line("agent", "nine to five")
    record = web_desk.wait_until_ended(caller.number, 30)
    caller.wait_for_state("ended")

    sound = heard(caller.page)
    was_heard(reference(GREETING), sound)
    was_heard(reference(HOURS), sound)
    assert record["cause"] == "agent_hung_up"
    assert "goodbye" in caller.lines("agent")
    order = [kind for kind in kinds(record) if kind in ("answered", "media_up", "greeting_started")]
    assert order == ["answered", "media_up", "greeting_started"]
    assert entries(record, "media_up", reason="transport")
    (played,) = entries(record, "greeting_played")
    assert played["facts"]["heard_ms"] == played["facts"]["duration_ms"]


def test_an_interruption_stops_the_agent_and_is_shown(
    web_desk: RunningGateway, person: Person, speaking: Speaking, reference: Reference
) -> None:
    caller = person(web_desk, "barge", microphone=speaking(3.5, ASK_HOURS))
    caller.call()
    record = web_desk.wait_for(caller.number, "gate_opened", 15, reason="barge_in")
    (played,) = entries(record, "greeting_played")
    assert played["facts"]["interrupted"]
    assert played["facts"]["heard_ms"] < played["facts"]["duration_ms"] - 500
    web_desk.wait_for_words(caller.number, "nine to five")
    caller.page.wait_for_selector(".line.by-agent.is-interrupted")

    greeting = reference(LONG_GREETING)
    cut_at = int(played["facts"]["heard_ms"] * 16)
    was_heard(greeting[: cut_at - 1_600], heard(caller.page))
    rest = find_pieces(greeting[cut_at + 3_200 :], heard(caller.page), 0.3)
    assert max(rest.correlations) < 0.7, str(rest)


@pytest.mark.parametrize("offer_late_s", [0.0, 0.7, 2.5], ids=["none", "half", "all"])
def test_what_is_said_from_the_click_on_is_heard(
    web_desk: RunningGateway, person: Person, speaking: Speaking, offer_late_s: float
) -> None:
    """The words begin with the microphone; some, or all, are said before the offer even leaves."""
    caller = person(web_desk, microphone=speaking(0.05, ASK_HOURS, 30.0))
    caller.open()

    def late(route: Route) -> None:
        time.sleep(offer_late_s)
        route.continue_()

    caller.page.route("**/webrtc/calls?*", late)
    caller.click_call()
    caller.wait_for_state("in_call")
    record = web_desk.wait_for_words(caller.number, "nine to five")

    (held,) = entries(record, "speech_held")
    assert held["facts"]["dropped_ms"] == 0
    (turn,) = entries(record, "user_said")
    assert "open" in turn["text"].lower()
    assert entries(record, "greeting_played", interrupted=False)
    # Heard once: no second turn, and no second answer.
    time.sleep(3)
    record = web_desk.call_of(caller.number)
    assert len(entries(record, "user_said")) == 1, tell(record)


def test_typed_words_are_answered(
    web_desk: RunningGateway, person: Person, speaking: Speaking
) -> None:
    caller = person(web_desk, microphone=speaking(1.0))
    caller.call()
    web_desk.wait_for(caller.number, "gate_opened", reason="greeting_played")
    box = caller.page.locator(".panel textarea, .panel input[type=text]").first
    box.fill(ASK_HOURS)
    box.press("Enter")
    web_desk.wait_for_words(caller.number, "nine to five")
    caller.wait_for_line("caller", "when are you open")
    caller.wait_for_line("agent", "nine to five")
