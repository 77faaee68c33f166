"""Tests of gateway/sessions/typed.py: what counts as a text, how many, and in which order."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sessions.typed import BURST, HELD_LIMIT, TEXT_LIMIT, Typed, TypedTexts, parse


def a_text(text: object, **more: object) -> str:
    return json.dumps({"type": "text", "text": text, **more})


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (a_text("hello", id="t-1"), Typed(1.0, "hello", "t-1")),
        (a_text("  two\n\twords "), Typed(1.0, "two words")),
        (a_text("bell\x07 and \x1b[31m"), Typed(1.0, "bell and [31m")),
        (a_text("half \ud800 a pair"), Typed(1.0, "half a pair")),
        (a_text("grüße, 你好 🙂"), Typed(1.0, "grüße, 你好 🙂")),
        (a_text("x" * 5000), Typed(1.0, "x" * TEXT_LIMIT)),
        (a_text("hi", id=7), Typed(1.0, "hi")),
        (a_text("hi", id="x" * 65), Typed(1.0, "hi")),
        (a_text("   "), None),
        (a_text(7), None),
        (a_text(None), None),
        ('{"type": "text"}', None),
        ('{"type": "other", "text": "x"}', None),
        ("[]", None),
        ('"text"', None),
        ("", None),
        ("[" * 10_000, None),
    ],
)
def test_what_is_a_text(message, expected):
    assert parse(message, 1.0) == expected


@given(st.text(max_size=500))
def test_no_message_breaks_it(message):
    parse(message, 0.0)


@given(st.text(max_size=200))
def test_what_is_told_is_printable_and_can_be_stored(text):
    typed = parse(a_text(text), 0.0)

    assert typed is None or (typed.text.isprintable() and typed.text.encode())


def test_texts_are_kept_in_order_until_the_gate_opens():
    texts = TypedTexts()

    assert texts.received(a_text("one"), 1.0) == ()
    assert texts.received(a_text("two"), 2.0) == ()
    assert [each.text for each in texts.open()] == ["one", "two"]
    assert texts.open() == ()
    assert texts.received(a_text("three"), 3.0) == (Typed(3.0, "three"),)


def test_what_is_kept_is_bounded():
    texts = TypedTexts()
    for number in range(100):
        texts.received(a_text(str(number)), number * 10.0)

    held = texts.open()

    assert [each.text for each in held] == [str(number) for number in range(HELD_LIMIT)]
    assert texts.dropped == 100 - HELD_LIMIT


def test_nobody_types_faster_than_a_person():
    texts = TypedTexts()
    texts.open()

    passed = sum(len(texts.received(a_text("x"), number / 100)) for number in range(1000))

    assert BURST <= passed <= BURST + 6
    assert len(texts.received(a_text("x"), 100.0)) == 1
