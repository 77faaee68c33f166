"""Agents in writing."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.conversation.brain import EndCall, Note, Phrase, Words
from agents.receptionist.agent import ReceptionistBrain
from agents.receptionist.dialogue import Dialogue
from agents.texting import Texting
from gateway.errors import ProviderUnavailable
from gateway.model.line import Role, Said
from gateway.model.messages import Channel
from gateway.model.text_agent import TextTurn

OFFER = "Call us here: {link}"
LINK = "https://voice.example.com/#token=a.b.c"


class Script:
    """A brain that thinks what it is told."""

    def __init__(self, *thoughts, fails=False):
        self.thoughts, self.fails, self.asked = thoughts, fails, []

    async def reply(self, turn, history):
        self.asked.append((turn, history.numbered()))
        for thought in self.thoughts:
            yield thought
        if self.fails:
            raise ProviderUnavailable("no model")


def turn(text="hi", room_id="r_1", before=(), shown=None):
    return TextTurn(
        room_id=room_id,
        turn_id="t",
        channel=Channel.SMS,
        person="+49151",
        text=text,
        history=(*before, Said(Role.USER, shown or text)),
    )


def texting(make, **more):
    values = {"greeting": "Hello", "apology": "Sorry", "keeps_brains": True} | more
    return Texting("a", make, **values)


async def test_words_and_phrases_become_one_text_and_notes_stay_beside_it():
    brain = Script(
        Words("We are "), Words("open."), Phrase("Anything else?"), Note("faq", {"n": 1})
    )
    reply = await texting(lambda facts: brain).answer(turn())
    assert reply.text == "We are open. Anything else?"
    assert [(note.name, note.facts) for note in reply.notes] == [("faq", {"n": 1})]


async def test_the_brain_is_given_the_room_s_history_with_the_message_last_once():
    brain = Script(Words("ok"))
    before = (Said(Role.AGENT, "Hello"), Said(Role.USER, "one"), Said(Role.AGENT, "two"))
    await texting(lambda facts: brain).answer(turn("three", before=before))
    ((asked, numbered),) = brain.asked
    assert [said.text for _, said in numbered] == ["Hello", "one", "two", "three"]
    assert numbered[-1][0] == asked.serial


async def test_a_picture_without_words_is_told_as_such():
    brain = Script(Words("nice"))
    await texting(lambda facts: brain).answer(turn("", shown="[image/jpeg]"))
    assert brain.asked[0][0].text == "[image/jpeg]"


async def test_a_dialogue_goes_on_in_its_room_until_it_ends_and_is_bounded():
    made = []

    def make(facts):
        made.append(facts.room_id)
        return Script(Words("ok"), *([EndCall()] if facts.room_id == "r_end" else []))

    agent = texting(make, rooms_remembered=2)
    for room_id in ("r_1", "r_1", "r_2", "r_3", "r_1", "r_end", "r_end"):
        await agent.answer(turn(room_id=room_id))
    assert made == ["r_1", "r_2", "r_3", "r_1", "r_end", "r_end"]


async def test_an_agent_that_knows_all_from_the_history_has_a_new_brain_each_time():
    made = []

    def make(facts):
        made.append(facts)
        return Script(Words("ok"))

    agent = texting(make, keeps_brains=False)
    await agent.answer(turn())
    await agent.answer(turn())
    assert len(made) == 2


async def test_a_failure_of_the_provider_is_raised():
    with pytest.raises(ProviderUnavailable):
        await texting(lambda facts: Script(Words("We"), fails=True)).answer(turn())


async def test_the_receptionist_takes_a_message_in_writing():
    def make(facts):
        return ReceptionistBrain(Dialogue(caller=facts.caller, goodbye="Bye."), None, None)

    agent = texting(make)
    notes = []
    for text in ("I want to leave a message", "My name is Ann", "yes", "The lift is broken", "yes"):
        reply = await agent.answer(turn(text))
        assert reply.text
        notes += [note.name for note in reply.notes]
    assert any("message" in name for name in notes), notes


@given(
    st.lists(
        st.builds(Words, st.text(alphabet="ab \n.[", max_size=6))
        | st.builds(Words, st.sampled_from(["[call", " link]", "[call link]", "nk]"]))
        | st.builds(Phrase, st.text(alphabet="ab .", min_size=1, max_size=6)),
        max_size=8,
    ),
    st.sampled_from(["", LINK]),
)
def test_the_pieces_joined_are_the_answer(thoughts, link):
    pieces = []

    async def think():
        return await texting(lambda facts: Script(*thoughts)).answer_streaming(
            replace(turn(), call_link=link), pieces.append
        )

    reply = asyncio.run(think())
    assert "".join(pieces) == reply.text


async def test_pieces_come_as_they_are_thought():
    pieces = []
    brain = Script(Words("We are "), Words("open. "), Phrase("Anything else?"))
    await texting(lambda facts: brain).answer_streaming(turn(), pieces.append)
    assert pieces == ["We are", " open.", " Anything else?"]


@pytest.mark.parametrize("text", ["Please call me", "Can I talk to somebody?", "call me back"])
async def test_who_wants_to_talk_is_offered_a_call(text):
    brain = Script(Words("no"))
    wanted = replace(turn(text), call_link=LINK)
    reply = await texting(lambda facts: brain, call_offer=OFFER).answer(wanted)
    assert reply.text == f"Call us here: {LINK}"
    assert [note.name for note in reply.notes] == ["call_offered"]
    assert not brain.asked


@pytest.mark.parametrize(
    ("text", "link", "offer"),
    [("When are you open?", LINK, OFFER), ("Please call me", "", OFFER), ("call me", LINK, "")],
)
async def test_nobody_else_is(text, link, offer):
    brain = Script(Words("as ever"))
    reply = await texting(lambda facts: brain, call_offer=offer).answer(
        replace(turn(text), call_link=link)
    )
    assert reply.text == "as ever"


async def test_a_model_writes_where_the_link_belongs_and_never_learns_it():
    told = []

    def make(facts):
        told.append(facts)
        return Script(Words("Gladly: [call link]"))

    agent = texting(make, keeps_brains=False, call_offer=OFFER)
    reply = await agent.answer(replace(turn("Can I talk to somebody?"), call_link=LINK))
    assert reply.text == f"Gladly: {LINK}"
    (facts,) = told
    assert facts.may_offer_call
    assert LINK not in repr(facts)


async def test_a_model_that_remembers_links_of_before_gets_none():
    agent = texting(lambda facts: Script(Words("Here: [call link]")), keeps_brains=False)
    assert (await agent.answer(turn("talk"))).text == "Here:"
