"""Rehearsal scripts as people write them."""

import pytest

from gateway.errors import ConfigError
from gateway.rehearsal.script import DEFAULT_TEXT, StepKind, parse


def test_each_kind_of_line_becomes_a_step_with_its_expectations() -> None:
    script = parse("> welcome\n# note\nHello.\n> nine\n> five\n! Stop.\nkeys: 12#\nwait: 2.5\n")

    assert script.expect_greeting == ("welcome",)
    assert [step.kind for step in script.steps] == [
        StepKind.SAY,
        StepKind.INTERRUPT,
        StepKind.KEYS,
        StepKind.WAIT,
    ]
    assert script.steps[0].expect == ("nine", "five")
    assert script.steps[1].text == "Stop."
    assert script.steps[2].text == "12#"
    assert script.steps[3].wait_s == 2.5


def test_a_sentence_with_a_colon_is_spoken() -> None:
    assert parse("My name is: Ann.").steps[0].kind is StepKind.SAY


def test_the_default_script_is_valid() -> None:
    assert len(parse(DEFAULT_TEXT).steps) == 3


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "nothing to say"),
        ("# only a comment", "nothing to say"),
        ("Hello.\n>", "x:2: '>' needs"),
        ("!", "x:1: '!' needs"),
        ("keys: 12x", "x:1: '12X' are not keys"),
        ("wait: soon", "x:1: 'soon' is not a time"),
        ("wait: -1", "is not a time"),
        ("a" * 2000, "longer than"),
        ("Hello.\n" * 300, "more than"),
    ],
)
def test_a_bad_script_is_refused_with_its_line(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint.replace("(", r"\(")):
        parse(text, "x")
