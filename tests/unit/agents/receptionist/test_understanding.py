"""Names, wishes, yes and no out of recognised speech."""

import pytest

from agents.receptionist.intents import Intent, find_intent, yes_or_no
from agents.receptionist.names import extract_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("John Smith.", "John Smith"),
        ("My name is John Smith.", "John Smith"),
        ("my name's anna", "Anna"),
        ("Yes, um, it's Mary Jane Watson.", "Mary Jane Watson"),
        ("This is Doctor O'Neil speaking.", "Doctor O'Neil"),
        ("Hello, this is Peter calling.", "Peter"),
        ("I'm Sarah from accounting.", "Sarah"),
        ("You can call me Bob.", "Bob"),
        ("The name's Bond, James Bond.", "Bond James Bond"),
        ("Smith, S M I T H.", "Smith"),
        ("Anna S M Y T H E", "Anna Smythe"),
        ("McDonald", "McDonald"),
        ("Why do you need my name?", ""),
        ("I don't want to say.", ""),
        ("no", ""),
        ("when are you open", ""),
        ("", ""),
        ("It was a long and winding road to here", ""),
    ],
)
def test_names(text: str, name: str) -> None:
    assert extract_name(text) == name


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("I'd like to leave a message, please.", Intent.MESSAGE),
        ("Can you take a message?", Intent.MESSAGE),
        ("Could you pass on a message to Mr. Brown?", Intent.MESSAGE),
        ("leave a massage for bob", Intent.MESSAGE),
        ("A message.", Intent.MESSAGE),
        ("Can somebody call me back?", Intent.CALL_BACK),
        ("Please ring me back tomorrow.", Intent.CALL_BACK),
        ("I need a callback", Intent.CALL_BACK),
        ("I want to speak to a human.", Intent.HUMAN),
        ("Can I talk to a real person?", Intent.HUMAN),
        ("operator", Intent.HUMAN),
        ("put me through to sales", Intent.HUMAN),
        ("Can I speak to John?", Intent.HUMAN),
        ("Say that again, please.", Intent.REPEAT),
        ("Could you repeat that please?", Intent.REPEAT),
        ("Sorry?", Intent.REPEAT),
        ("I didn't catch that.", Intent.REPEAT),
        ("Thank you, goodbye.", Intent.GOODBYE),
        ("No, that's all.", Intent.GOODBYE),
        ("Nothing else, thanks.", Intent.GOODBYE),
        ("Bye-bye!", Intent.GOODBYE),
        ("Thank you very much.", Intent.THANKS),
        ("Thanks.", Intent.THANKS),
        ("Never mind.", Intent.CANCEL),
        ("Hang on a second.", Intent.WAIT),
        ("Hello?", Intent.HELLO),
        ("Good morning", Intent.HELLO),
        ("Hi, how are you?", Intent.HOW_ARE_YOU),
        ("Can you hear me?", Intent.CAN_YOU_HEAR),
        ("What can you do?", Intent.HELP),
        ("When are you open?", None),
        ("What is your address?", None),
        ("Do you sell bicycles?", None),
        ("", None),
    ],
)
def test_wishes(text: str, intent: Intent | None) -> None:
    assert find_intent(text) is intent


@pytest.mark.parametrize(
    ("text", "agrees"),
    [
        ("Yes.", True),
        ("yeah sure", True),
        ("Yep, that's right.", True),
        ("That's correct.", True),
        ("Um, yes please.", True),
        ("OK", True),
        ("Go ahead.", True),
        ("No, that's right.", True),
        ("this number is fine", True),
        ("No.", False),
        ("nope", False),
        ("No thank you.", False),
        ("That's not right.", False),
        ("Not really", False),
        ("the number is wrong", False),
        ("I don't think so", False),
        ("When are you open?", None),
        ("John Smith", None),
        ("", None),
    ],
)
def test_yes_and_no(text: str, agrees: bool | None) -> None:
    assert yes_or_no(text) is agrees
