"""Tests of gateway/sessions/screen.py: what the caller's screen is told, and that telephones are told nothing."""

import json

from gateway.model.events import Capabilities
from gateway.model.hangup import HangupCause
from gateway.model.speech import Speech
from gateway.model.texts import MESSAGE_LIMIT_BYTES
from gateway.sessions.gate import OpenReason
from gateway.sessions.ledger import Finished
from gateway.sessions.screen import Screen
from gateway.sessions.state import SessionState


class Leg:
    """Keeps what is sent."""

    call_id = "c_1"

    def __init__(self, *, messages: bool = True) -> None:
        self.capabilities = Capabilities(messages=messages)
        self.sent: list[str] = []

    def send_message(self, text: str) -> None:
        self.sent.append(text)

    def told(self) -> list[dict]:
        return [json.loads(text) for text in self.sent]

    def lines(self) -> list[tuple]:
        return [
            (each["id"], each["who"], each["text"], each["final"])
            for each in self.told()
            if each["type"] == "line"
        ]


def finished(playback_id: int, heard: str, *, interrupted: bool = False) -> Finished:
    return Finished(
        playback_id=playback_id,
        label="",
        at_s=1.0,
        started_at_s=0.5,
        speech=Speech("what was meant", b""),
        heard=heard,
        heard_ms=1.0,
        interrupted=interrupted,
    )


def everything(screen: Screen) -> None:
    screen.state(SessionState.GREETING)
    screen.agent_says(1, "Hello.")
    screen.agent_said(finished(1, "Hello."))
    screen.gate(OpenReason.GREETING_PLAYED)
    screen.hearing("when are")
    screen.caller_said("When are you open?")
    screen.caller_wrote("thanks", "t-1")
    screen.ended(HangupCause.AGENT_HUNG_UP)


def test_the_page_is_told_everything_in_order():
    leg = Leg()
    everything(Screen(leg))

    assert leg.told()[0] == {"type": "state", "state": "greeting"}
    assert leg.told()[3] == {"type": "gate", "reason": "greeting_played"}
    assert leg.told()[-1] == {"type": "ended", "cause": "agent_hung_up"}
    assert leg.lines() == [
        (1, "agent", "Hello.", False),
        (1, "agent", "Hello.", True),
        (2, "caller", "when are", False),
        (2, "caller", "When are you open?", True),
        ("t-1", "caller", "thanks", True),
    ]


def test_a_telephone_is_told_nothing():
    leg = Leg(messages=False)
    everything(Screen(leg))

    assert leg.sent == []


def test_nobody_is_told_before_the_answer():
    leg, states = Leg(), list(SessionState)
    screen = Screen(leg)
    for state in states:
        screen.state(state)

    assert [each["state"] for each in leg.told()] == [
        "greeting",
        "conversing",
        "closing",
        "hanging_up",
    ]


def test_an_interrupted_line_ends_as_it_was_heard():
    leg = Leg()
    screen = Screen(leg)
    screen.agent_says(4, "We are open from nine to five.")
    screen.agent_said(finished(4, "We are open", interrupted=True))

    assert leg.told()[-1] == {
        "type": "line",
        "id": 1,
        "who": "agent",
        "text": "We are open",
        "final": True,
        "interrupted": True,
    }


def test_what_never_sounded_is_not_shown():
    leg = Leg()
    screen = Screen(leg)
    screen.agent_said(finished(4, ""))
    screen.agent_says(5, "")

    assert leg.sent == []


def test_unchanged_words_are_not_sent_again_and_a_turn_that_came_to_nothing_stays():
    leg = Leg()
    screen = Screen(leg)
    screen.hearing("mhm")
    screen.hearing("mhm")
    screen.hearing("")
    screen.hearing("")
    screen.caller_said("Next.")

    assert leg.lines() == [
        (1, "caller", "mhm", False),
        (1, "caller", "mhm", True),
        (2, "caller", "Next.", True),
    ]


def test_a_long_line_still_fits_a_message():
    leg = Leg()
    Screen(leg).caller_said("\U0001f642" * 100_000)

    assert len(leg.sent[0].encode()) <= MESSAGE_LIMIT_BYTES
