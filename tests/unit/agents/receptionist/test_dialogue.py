"""Whole dialogues with the receptionist, as tables of what is heard and what comes of it."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.conversation.brain import EndCall, ExpectDigits, Note, Phrase, Thought, UserTurn, Words
from agents.conversation.history import History
from agents.receptionist import phrases
from agents.receptionist.agent import ReceptionistBrain
from agents.receptionist.dialogue import Dialogue
from agents.receptionist.faq import FaqIndex
from agents.receptionist.heard import Answer
from agents.receptionist.states import MOVES, State
from gateway.config import ReceptionistAgent
from gateway.errors import InvalidTransition, ProviderUnavailable
from tests.support.fake_speech import FakeEmbedder

GOODBYE = "Thank you for calling. Goodbye."
HOURS = "We are open Monday to Friday from nine to five."
CALLER = "+15551234567"


def said(thoughts: Sequence[Thought]) -> str:
    return " ".join(thought.text for thought in thoughts if isinstance(thought, Phrase | Words))


def new_dialogue(caller: str = CALLER) -> Dialogue:
    return Dialogue(caller=caller, goodbye=GOODBYE, greeting="Hello.", business="Acme")


def talk(dialogue: Dialogue, turns: Sequence[str]) -> list[Thought]:
    """Say all turns (those of digits and # only are pressed); returns all thoughts."""
    thoughts: list[Thought] = []
    for turn in turns:
        is_keys = bool(turn) and all(char in "0123456789*#" for char in turn)
        thoughts += dialogue.hear(turn, is_keys=is_keys)
    return thoughts


def taken(thoughts: Sequence[Thought]) -> dict[str, object]:
    [note] = [t for t in thoughts if isinstance(t, Note) and t.kind == "message_taken"]
    return dict(note.facts)


MESSAGES = [
    pytest.param(
        ["I'd like to leave a message", "John Smith", "yes", "Please call me back.", "yes"],
        ("John Smith", CALLER, "Please call me back."),
        id="plain",
    ),
    pytest.param(
        ["can somebody call me back", "my name is anna", "no", "oh one two three four five six",
         "it is about the invoice", "that's right"],
        ("Anna", "0123456", "It is about the invoice"),
        id="another number",
    ),
    pytest.param(
        ["I want to speak to a human", "it's Bob", "no use 555 987 6543", "call me", "correct"],
        ("Bob", "5559876543", "Call me"),
        id="number instead of no",
    ),
    pytest.param(
        ["take a message", "Bob", "no", "oh one two", "three four five", "six seven", "hello there you", "yep"],
        ("Bob", "01234567", "Hello there you"),
        id="number in three breaths",
    ),
    pytest.param(
        ["take a message", "Bob", "no", "5551234", "I will be late", "1"],
        ("Bob", "5551234", "I will be late"),
        id="keys",
    ),
    pytest.param(
        ["take a message", "Bob", "no", "4321", "#", "I will be late", "yes"],
        ("Bob", "4321", "I will be late"),
        id="short extension ended by hash",
    ),
    pytest.param(
        ["take a message", "Bob", "no", "four three two one", "that's all", "I will be late", "yes"],
        ("Bob", "4321", "I will be late"),
        id="short extension ended by words",
    ),
    pytest.param(
        ["take a message", "Bob", "no", "four three two", "no start again", "five five five one two three four",
         "I will be late", "yes"],
        ("Bob", "5551234", "I will be late"),
        id="number started again",
    ),
    pytest.param(
        ["take a message", "Bob", "yes", "I will be late", "no the name is wrong", "Rob Roy", "yes"],
        ("Rob Roy", CALLER, "I will be late"),
        id="name corrected",
    ),
    pytest.param(
        ["take a message", "Bob", "yes", "I will be late", "no", "the number", "5559876", "yes"],
        ("Bob", "5559876", "I will be late"),
        id="number corrected",
    ),
    pytest.param(
        ["take a message", "Bob", "yes", "I will be late", "that's wrong", "message", "I will be early", "yes"],
        ("Bob", CALLER, "I will be early"),
        id="message corrected",
    ),
    pytest.param(
        ["do you sell bicycles", "yes please", "Bob", "yes", "I want a red bicycle", "yes"],
        ("Bob", CALLER, "I want a red bicycle"),
        id="offered for an unknown question",
    ),
    pytest.param(
        ["take a message", "why do you ask", "what for", "Prince Of Sealand", "yes", "hello you all", "yes"],
        ("Prince Of Sealand", CALLER, "Hello you all"),
        id="a strange name at the third try",
    ),
    pytest.param(
        ["take a message", "Bob", "say that again please", "yes", "I will be late", "hang on a second", "yes"],
        ("Bob", CALLER, "I will be late"),
        id="repeat and wait",
    ),
    pytest.param(
        ["take a message", "Bob", "yes", "please tell him goodbye and never mind the cancelled order", "yes"],
        ("Bob", CALLER, "Please tell him goodbye and never mind the cancelled order"),
        id="a message may say anything",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("turns", "expected"), MESSAGES)
def test_messages_are_taken_as_confirmed(turns: list[str], expected: tuple[str, str, str]) -> None:
    dialogue = new_dialogue()

    thoughts = talk(dialogue, turns)

    facts = taken(thoughts)
    assert (facts["name"], facts["number"], facts["text"]) == expected
    assert facts["confirmed"] == 1
    assert dialogue.state is State.MORE
    assert said(thoughts).endswith(phrases.MORE)


@pytest.mark.parametrize(("turns", "expected"), MESSAGES)
def test_recognisers_without_punctuation_change_nothing(
    turns: list[str], expected: tuple[str, str, str]
) -> None:
    plain = [turn.lower().replace(",", "").replace(".", "") for turn in turns]

    facts = taken(talk(new_dialogue(), plain))

    assert str(facts["name"]).lower() == expected[0].lower()
    assert str(facts["number"]) == expected[1]


def test_the_message_is_read_back_in_full() -> None:
    thoughts = talk(new_dialogue(), ["leave a message", "Bob", "no", "5551234", "I am late"])

    assert "Bob, on five five five, one two three four." in said(thoughts)
    assert "The message is: I am late." in said(thoughts)


def test_a_caller_without_a_number_is_asked_for_one() -> None:
    dialogue = new_dialogue("anonymous")

    talk(dialogue, ["leave a message", "Bob"])

    assert dialogue.state is State.NUMBER


def test_digits_are_expected_only_while_the_number_is_spoken() -> None:
    thoughts = talk(new_dialogue(), ["leave a message", "Bob", "no", "5551234"])

    assert [t.expected for t in thoughts if isinstance(t, ExpectDigits)] == [True, False]


def test_a_message_nobody_confirms_is_kept_and_marked() -> None:
    thoughts = talk(
        new_dialogue(),
        ["leave a message", "Bob", "yes", "I am late", "purple", "green", "elephant"],
    )

    assert taken(thoughts)["confirmed"] == 0


def test_a_cancelled_message_is_not_taken() -> None:
    dialogue = new_dialogue()

    thoughts = talk(dialogue, ["leave a message", "Bob", "never mind"])

    assert not [t for t in thoughts if isinstance(t, Note)]
    assert dialogue.state is State.MORE


@pytest.mark.parametrize(
    "turns",
    [
        ["goodbye"],
        ["thank you", "no thank you"],
        ["when are you open", "no that's all"],
        ["when are you open", "no"],
        ["do you sell bicycles", "no", "no thanks"],
        ["leave a message", "goodbye"],
        ["hello", "thanks bye"],
    ],
)
def test_calls_end_politely(turns: list[str]) -> None:
    dialogue = new_dialogue()

    thoughts: list[Thought] = []
    for turn in turns:
        answer = Answer(HOURS, 0.3) if "open" in turn else None
        thoughts = dialogue.hear(turn, answer=answer)

    assert thoughts == [Phrase(GOODBYE), EndCall()]
    assert dialogue.state is State.ENDED


def test_a_question_after_the_goodbye_is_answered() -> None:
    dialogue = new_dialogue()
    talk(dialogue, ["goodbye"])

    assert HOURS in said(dialogue.hear("when are you open", answer=Answer(HOURS, 0.2)))


def test_a_question_in_the_middle_of_a_message_is_answered_and_the_slot_asked_again() -> None:
    dialogue = new_dialogue()
    talk(dialogue, ["leave a message"])

    thoughts = dialogue.hear("wait when are you open", answer=Answer(HOURS, 0.3))

    assert said(thoughts) == f"{HOURS} {phrases.QUESTIONS[State.NAME]}"
    assert dialogue.state is State.NAME


def test_yes_to_a_reprompt_repeats_the_question() -> None:
    dialogue = new_dialogue()
    talk(dialogue, ["leave a message"])

    thoughts = dialogue.hear("yes I'm here", after_reprompt=True)

    assert said(thoughts) == phrases.QUESTIONS[State.NAME]
    assert dialogue.message.name == ""


def test_repeat_says_the_last_words_again() -> None:
    dialogue = new_dialogue()
    before = said(talk(dialogue, ["leave a message"]))

    assert said(dialogue.hear("could you repeat that please")) == before


def test_two_misunderstandings_are_put_in_other_words() -> None:
    dialogue = new_dialogue()
    talk(dialogue, ["leave a message", "Bob"])

    first, second = (said(dialogue.hear(text)) for text in ("purple", "elephants"))

    assert (first, second) == phrases.REPHRASED[State.OWN_NUMBER]


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_its_question_and_its_other_words(state: State) -> None:
    assert phrases.QUESTIONS[state]
    assert len(set(phrases.REPHRASED[state])) == 2
    assert state in MOVES


_TURNS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "yes",
                "no",
                "John Smith",
                "leave a message",
                "goodbye",
                "thanks",
                "never mind",
                "five five five",
                "5551234",
                "#",
                "*",
                "repeat that",
                "what",
                "the number",
                "name",
                "message",
                "when are you open",
                "hello",
                "call me back",
                "",
                "42",
                "that's all",
                "start again",
                "can you hear me",
                "hang on",
                "I would like a cake please",
            ]
        ),
        st.text(max_size=30),
    ),
    max_size=25,
)


@settings(max_examples=300, deadline=None)
@given(_TURNS, st.sampled_from([CALLER, "anonymous"]), st.booleans())
def test_no_caller_can_break_the_dialogue(turns: list[str], caller: str, reprompted: bool) -> None:
    dialogue = new_dialogue(caller)

    for turn in turns:
        is_keys = bool(turn) and all(char in "0123456789*#" for char in turn)
        answer = Answer(HOURS, 0.2) if "open" in turn else Answer(HOURS, -0.2)
        try:
            thoughts = dialogue.hear(
                turn, answer=answer, is_keys=is_keys, after_reprompt=reprompted
            )
        except InvalidTransition as error:
            raise AssertionError(f"{turns!r}") from error
        assert said(thoughts), f"the caller is left in silence after {turn!r}"


def test_the_faq_answers_in_any_wording_and_nothing_else() -> None:
    async def run() -> dict[str, str]:
        section = ReceptionistAgent()
        embedder = FakeEmbedder()
        faq = await FaqIndex.build(section.faq, embedder, section.faq_threshold)
        replies: dict[str, str] = {}
        for text in ("When are you open?", "your opening hours", "what's the address", "bicycles"):
            brain = ReceptionistBrain(new_dialogue(), faq, embedder)
            turn = UserTurn(text=text, serial=1)
            thoughts = [thought async for thought in brain.reply(turn, History((), 10))]
            replies[text] = said(thoughts)
        return replies

    replies = asyncio.run(run())

    assert replies["When are you open?"].startswith(HOURS)
    assert replies["your opening hours"].startswith(HOURS)
    assert "web site" in replies["what's the address"]
    assert HOURS not in replies["bicycles"]


def test_a_failing_embedder_only_costs_the_faq() -> None:
    class Broken(FakeEmbedder):
        async def embed(self, texts: Sequence[str]) -> None:  # type: ignore[override]
            raise ProviderUnavailable(f"no vectors for {len(texts)} texts")

    async def run() -> str:
        section = ReceptionistAgent()
        faq = await FaqIndex.build(section.faq, FakeEmbedder(), section.faq_threshold)
        brain = ReceptionistBrain(new_dialogue(), faq, Broken())
        turn = UserTurn(text="when are you open", serial=1)
        return said([thought async for thought in brain.reply(turn, History((), 10))])

    assert asyncio.run(run()) == phrases.OFFER


def test_all_fixed_phrases_are_known_ahead() -> None:
    ahead = set(phrases.fixed_phrases("Acme")) | {GOODBYE, HOURS}
    dialogue = new_dialogue()
    turns = [
        "hello",
        "how are you",
        "leave a message",
        "Bob",
        "no",
        "never mind",
        "purple",
        "thanks",
    ]

    for thought in talk(dialogue, [*turns, "no"]):
        if isinstance(thought, Phrase):
            assert thought.text in ahead


def test_the_business_is_named() -> None:
    assert "about Acme" in said(new_dialogue().hear("what can you do"))
    assert not any(phrases.BUSINESS in text for text in phrases.fixed_phrases("Acme"))
