"""Answers to choose from, and the sign that an answer is being written."""

import asyncio
import json

import pytest

from agents.receptionist import phrases
from agents.receptionist.choices import YES_NO, choices_of
from agents.receptionist.states import State
from gateway.channels.choices import cut_to_bytes, listed, usable
from gateway.channels.twilio.requests import parameters
from gateway.model.messages import Channel
from gateway.model.text_agent import TextReply
from gateway.rooms.letters import Letters
from gateway.rooms.text_desk import TextDesk
from gateway.store.schema_messages import messages
from tests.support.messages import outbound
from tests.unit.rooms.test_text_desk import HELLO, Bench, PlainOutbox


@pytest.fixture
def bench(database):
    return Bench(database)


def test_choices_are_made_fit_for_buttons():
    assert usable([" Yes\n please ", "", "Yes please", "No"]) == ("Yes please", "No")
    assert usable(["x" * 100, *map(str, range(20))])[0] == "x" * 60
    assert len(usable(map(str, range(20)))) == 10
    assert listed("Well?", ["Yes", "No"]) == "Well?\n1. Yes\n2. No"
    assert listed("Well?", []) == "Well?"
    assert cut_to_bytes("aöö", 4) == "aö"


def test_the_receptionists_questions_with_few_answers_are_known():
    assert choices_of(phrases.QUESTIONS[State.CONFIRM]) == YES_NO
    assert choices_of(phrases.QUESTIONS[State.NAME]) == ()


class Chooser:
    name, greeting, apology = "agent", "", "Sorry"

    def __init__(self):
        self.turns = []

    async def answer(self, turn):
        self.turns.append(turn)
        await asyncio.sleep(9)
        return TextReply(text="Is that right?", choices=("Yes", "No"))


@pytest.mark.parametrize("has_buttons", [False, True])
async def test_choices_are_buttons_or_a_list(bench, has_buttons):
    letters = Letters(
        bench.database,
        PlainOutbox(bench.database),
        lambda _channel, text: [text],
        clock=lambda: 5.0,
        has_buttons=lambda _channel: has_buttons,
    )
    agent = Chooser()
    shown = []

    async def show(message):
        shown.append(asyncio.get_running_loop().time())
        if len(shown) == 3:
            raise OSError("gone")

    desk = TextDesk(
        bench.database,
        letters,
        lambda _number, _channel: agent,
        clock=lambda: 5.0,
        show_typing=show,
    )
    bench.receive("hello")
    await bench.run(desk)
    (row,) = bench.rows(messages)
    text = "Is that right?" if has_buttons else "Is that right?\n1. Yes\n2. No"
    assert (row.text, row.buttons) == (text, ["Yes", "No"] if has_buttons else [])
    assert bench.lines()[-1][1] == text
    # At once, every four seconds while the agent thinks, and not after.
    assert [round(at - shown[0]) for at in shown] == [0, 4, 8]


async def test_a_sign_that_hangs_holds_nothing_up(bench):
    async def show(message):
        await asyncio.sleep(1e6)

    bench.receive("hello")
    await bench.run(bench.desk(show_typing=show), seconds=5)
    assert bench.sent() == [f"{HELLO}\n\nre: hello"]


@pytest.mark.parametrize(
    ("templates", "sid", "body"),
    [
        ({"2": "HXtwo"}, "HXtwo", None),
        ({"3": "HXthree"}, None, "Right?\n1. Yes\n2. No"),
        ({}, None, "Right?\n1. Yes\n2. No"),
    ],
)
def test_whatsapp_has_buttons_by_template(templates, sid, body):
    message = outbound(text="Right?", channel=Channel.WHATSAPP, buttons=("Yes", "No"))
    fields = dict(parameters(message, button_templates=templates))
    assert (fields.get("ContentSid"), fields.get("Body")) == (sid, body)
    if sid:
        variables = json.loads(fields["ContentVariables"])
        assert variables == {"1": "Right?", "2": "Yes", "3": "No"}
