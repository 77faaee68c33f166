""" "Can you text me that?": what is meant, what is sent, and what is said when it cannot be."""

import asyncio

import pytest

from agents.conversation.brain import Note, Phrase, UserTurn
from agents.conversation.history import History
from agents.receptionist import phrases
from agents.receptionist.agent import ReceptionistBrain
from agents.receptionist.dialogue import Dialogue
from agents.receptionist.heard import Answer, TextAnswer, Texting
from agents.receptionist.intents import Intent, find_intent
from agents.receptionist.states import State
from gateway.errors import Unreachable

HOURS = "We are open from nine to five."
ADDRESS = "You find us at 1 Harbour Road."


def dialogue(texting: Texting = Texting.ASKED) -> Dialogue:
    return Dialogue(caller="+15551234567", goodbye="Bye.", business="Acme", texting=texting)


@pytest.mark.parametrize(
    "text",
    [
        "Can you text me that?",
        "Could you send me the address, please?",
        "Please text it to me.",
        "Can you send that to my phone?",
        "Can I have that in writing?",
        "WhatsApp me",
        "Send me a text with that.",
        "Can you send me that as a text message?",
        "Can you send me a message with the address?",
    ],
)
def test_wishes_for_a_text(text):
    assert find_intent(text) is Intent.TEXT_ME


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("I want to leave a message", Intent.MESSAGE),
        ("Can you give him a message?", Intent.MESSAGE),
        ("Take a message please", Intent.MESSAGE),
        ("Send them a message", Intent.MESSAGE),
        ("Can you say that again?", Intent.REPEAT),
        ("Can you call me back?", Intent.CALL_BACK),
    ],
)
def test_other_wishes_stay_what_they_are(text, intent):
    assert find_intent(text) is intent


def test_that_is_the_last_answer():
    talk = dialogue()
    talk.hear("When are you open?", answer=Answer(HOURS, 0.2))
    [step] = talk.hear("Can you text me that?", answer=Answer(ADDRESS, 0.0))
    assert isinstance(step, TextAnswer)
    assert step.text == HOURS
    assert step.sent == (Phrase(phrases.TEXT_SENT), Phrase(phrases.MORE))
    assert step.failed == (Phrase(phrases.TEXT_NOT_SENT), Phrase(phrases.MORE))
    assert talk.state is State.MORE


def test_a_named_thing_is_the_answer_to_it():
    talk = dialogue()
    talk.hear("When are you open?", answer=Answer(HOURS, 0.2))
    [step] = talk.hear("Send me the address.", answer=Answer(ADDRESS, 0.1))
    assert isinstance(step, TextAnswer)
    assert step.text == ADDRESS


def test_without_an_answer_it_asks_what_is_wanted():
    assert dialogue().hear("Can you text me that?") == [Phrase(phrases.TEXT_WHAT)]


def test_while_a_message_is_taken_the_question_is_asked_again():
    talk = dialogue()
    talk.hear("When are you open?", answer=Answer(HOURS, 0.2))
    talk.hear("I want to leave a message")
    [step] = talk.hear("Please text me that first.")
    assert isinstance(step, TextAnswer)
    assert step.sent[-1] == Phrase(phrases.QUESTIONS[State.NAME])
    assert talk.state is State.NAME


def test_a_message_may_say_it():
    talk = dialogue()
    for turn in ("I want to leave a message", "Ann", "yes"):
        talk.hear(turn)
    assert talk.state is State.TEXT
    talk.hear("Please text me the address when you know it")
    assert talk.message.text.startswith("Please text me")


def test_in_writing_the_answer_is_written():
    talk = dialogue(Texting.IN_WRITING)
    talk.hear("When are you open?", answer=Answer(HOURS, 0.2))
    assert talk.hear("Text me that") == [Phrase(HOURS), Phrase(phrases.MORE)]


def test_where_nothing_sends_texts_the_caller_is_told():
    talk = dialogue(Texting.NEVER)
    talk.hear("When are you open?", answer=Answer(HOURS, 0.2))
    assert talk.hear("Text me that")[0] == Phrase(phrases.TEXT_NOT_SENT)


def replies(send):
    async def think():
        talk = dialogue()
        talk.hear("When are you open?", answer=Answer(HOURS, 0.2))
        brain = ReceptionistBrain(talk, None, None, send)  # type: ignore[arg-type]
        turn = UserTurn(text="Can you text me that?", serial=1)
        return [thought async for thought in brain.reply(turn, History((), 4))]

    return asyncio.run(think())


def test_it_says_that_it_was_sent_once_it_was():
    texts = []

    async def send(text):
        texts.append(text)

    assert replies(send) == [Note("text_sent"), Phrase(phrases.TEXT_SENT), Phrase(phrases.MORE)]
    assert texts == [HOURS]


@pytest.mark.parametrize("error", [Unreachable("a landline"), TimeoutError()])
def test_it_says_so_when_it_cannot_be_sent(error):
    async def send(_text):
        raise error

    note, *spoken = replies(send)
    assert note.kind == "text_not_sent"
    assert spoken == [Phrase(phrases.TEXT_NOT_SENT), Phrase(phrases.MORE)]
