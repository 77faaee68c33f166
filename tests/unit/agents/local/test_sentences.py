"""Where streaming text is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.local.sentences import LONGEST_CHARACTERS, SentenceSplitter, split_text


def stream(text, first_clause_characters=0):
    splitter = SentenceSplitter(first_clause_characters)
    given_early = [piece for char in text for piece in splitter.feed(char)]
    return given_early, splitter.flush()


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Hello there. How are you? I am fine!", ["Hello there.", "How are you?", "I am fine!"]),
        ("It costs 3.50 dollars. OK", ["It costs 3.50 dollars.", "OK"]),
        (
            "Dr. Smith is out. Mr. J. R. Jones is in.",
            ["Dr. Smith is out.", "Mr. J. R. Jones is in."],
        ),
        (
            "We open at 9 a.m. and close at 5 p.m. See you.",
            ["We open at 9 a.m. and close at 5 p.m.", "See you."],
        ),
        ("You and I. Yes.", ["You and I.", "Yes."]),
        ("1. First thing.\n2. Second thing.", ["1. First thing.", "2. Second thing."]),
        ("Title\n\nBody", ["Title", "Body"]),
        ("Wait... what? \u201cYes.\u201d Good.", ["Wait...", "what?", "\u201cYes.\u201d", "Good."]),
        ("See example.com/a.b for e.g. prices.", ["See example.com/a.b for e.g. prices."]),
        ("no end", ["no end"]),
        ("  \n ", []),
        ("", []),
    ],
)
def test_sentences(text, sentences):
    assert split_text(text) == sentences
    early, rest = stream(text)
    assert early + rest == sentences


def test_a_sentence_is_given_as_soon_as_the_space_after_it_comes():
    splitter = SentenceSplitter()

    assert splitter.feed("Yes.") == []
    assert splitter.feed(" W") == ["Yes."]


def test_after_an_abbreviation_the_next_letter_is_waited_for():
    splitter = SentenceSplitter()

    assert splitter.feed("At 5 p.m. ") == []
    assert splitter.feed("S") == ["At 5 p.m."]


def test_the_first_piece_may_end_at_a_clause_but_later_ones_do_not():
    early, rest = stream(
        "Well, our opening hours are as follows, we open at nine, daily, I think. Bye, bye.", 24
    )

    assert early + rest == [
        "Well, our opening hours are as follows,",
        "we open at nine, daily, I think.",
        "Bye, bye.",
    ]


def test_a_flushed_splitter_begins_anew():
    splitter = SentenceSplitter(first_clause_characters=10)
    splitter.feed("One sentence here. And")
    splitter.flush()

    assert splitter.feed("Another first, clause") == ["Another first,"]


def test_endless_text_is_cut_between_words():
    pieces = split_text("word " * 200)

    assert max(map(len, pieces)) <= LONGEST_CHARACTERS
    assert " ".join(pieces).split() == ["word"] * 200


def test_an_endless_word_is_cut_too():
    pieces = split_text("x" * 900)

    assert max(map(len, pieces)) <= LONGEST_CHARACTERS
    assert "".join(pieces) == "x" * 900


@given(
    st.text(alphabet="abAB .,!?\n-1'\"", max_size=700),
    st.integers(1, 40),
    st.sampled_from([0, 5, 24]),
)
def test_nothing_is_lost_however_the_text_arrives(text, step, first_clause):
    splitter = SentenceSplitter(first_clause)

    pieces = []
    for start in range(0, len(text), step):
        pieces += splitter.feed(text[start : start + step])
    pieces += splitter.flush()

    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(piece.strip() == piece and 0 < len(piece) <= LONGEST_CHARACTERS for piece in pieces)
