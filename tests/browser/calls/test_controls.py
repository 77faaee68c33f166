"""What a person does with the page besides talking: keys, mute, a refused microphone, hanging up, closing the tab."""

import time
from collections.abc import Callable

import numpy as np

from tests.browser.calls.browser import Samples, heard, was_heard
from tests.browser.calls.conftest import Person, Speaking
from tests.interop.gateway.conftest import ASK_HOURS, GREETING
from tests.interop.gateway.running_gateway import RunningGateway, entries, tell

Reference = Callable[[str], Samples]


def test_keys_reach_the_agent(web_desk: RunningGateway, person: Person, speaking: Speaking) -> None:
    caller = person(web_desk, "echo", microphone=speaking(1.0))
    caller.call()
    web_desk.wait_for(caller.number, "gate_opened")
    caller.page.click(".round-keypad")
    caller.page.click(".key[aria-label='5']")
    web_desk.wait_for(caller.number, "dtmf", digit="5")
    caller.page.keyboard.press("#")
    record = web_desk.wait_until_ended(caller.number)

    assert [line["facts"]["digit"] for line in entries(record, "dtmf")] == ["5", "#"]
    assert record["cause"] == "agent_hung_up"
    caller.wait_for_state("ended")


def test_a_muted_microphone_is_not_heard(
    web_desk: RunningGateway, person: Person, speaking: Speaking
) -> None:
    caller = person(web_desk, microphone=speaking(5.5, ASK_HOURS, 4.0, ASK_HOURS))
    caller.call()
    caller.wait_for_state("in_call")
    caller.page.click(".round-mute")
    time.sleep(8.0)
    record = web_desk.call_of(caller.number)
    assert not entries(record, "user_said"), tell(record)
    caller.page.click(".round-mute")
    web_desk.wait_for_words(caller.number, "nine to five")


def test_without_a_microphone_one_is_greeted_and_told_why(
    web_desk: RunningGateway, person: Person, reference: Reference
) -> None:
    caller = person(web_desk, is_refused=True)
    caller.call()
    caller.wait_for_state("in_call")
    web_desk.wait_for(caller.number, "greeting_played", interrupted=False)
    time.sleep(0.7)

    was_heard(reference(GREETING), heard(caller.page))
    notice = caller.page.locator(".notice-title").inner_text().lower()
    assert "microphone" in notice
    assert "listen" in caller.page.locator(".notice-text").inner_text().lower()
    caller.page.click(".round-hangup")
    record = web_desk.wait_until_ended(caller.number)
    assert record["cause"] == "caller_hung_up"


def test_hanging_up_ends_the_call_at_once(
    web_desk: RunningGateway, person: Person, speaking: Speaking
) -> None:
    caller = person(web_desk, microphone=speaking(1.0))
    caller.call()
    web_desk.wait_for(caller.number, "gate_opened")
    caller.page.click(".round-hangup")
    record = web_desk.wait_until_ended(caller.number, 3)
    assert record["cause"] == "caller_hung_up"
    caller.wait_for_state("ended")
    level = np.abs(heard(caller.page)[-1_600:]).max()
    assert level < 200


def test_a_tab_closed_mid_greeting_ends_the_call(
    web_desk: RunningGateway, person: Person, speaking: Speaking
) -> None:
    caller = person(web_desk, "long", microphone=speaking(1.0))
    caller.call()
    web_desk.wait_for(caller.number, "greeting_started")
    time.sleep(0.5)
    caller.page.close()
    record = web_desk.wait_until_ended(caller.number, 5)

    assert record["cause"] == "caller_hung_up"
    (played,) = entries(record, "greeting_played")
    assert played["facts"]["interrupted"]
    assert played["facts"]["heard_ms"] < played["facts"]["duration_ms"]
