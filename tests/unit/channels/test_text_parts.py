import itertools
import time

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from gateway.channels import sms_alphabet
from gateway.channels.graphemes import is_boundary
from gateway.channels.text_parts import split, utf16_length

FAMILY = "👨‍👩‍👧‍👦"
WRITTEN = st.text(
    st.sampled_from("ab .\n€é\u0301👍🏽🇩🇪🇫\u200d\ufe0f👩語ि한\r")
    | st.characters(exclude_categories=["Cs"]),
    max_size=300,
)


def graphemes(text: str) -> list[str]:
    cuts = [at for at in range(len(text) + 1) if is_boundary(text, at)]
    return [text[start:end] for start, end in itertools.pairwise(cuts)]


@given(WRITTEN)
def test_graphemes_are_the_text_again_and_never_smaller_than_the_standard(text: str) -> None:
    ours = list(graphemes(text))
    assert "".join(ours) == text
    cuts, at = set(), 0
    for sign in ours:
        at += len(sign)
        cuts.add(at)
    standard = {match.end() for match in regex.finditer(r"\X", text)}
    emoji = {
        match.end()
        for match in regex.finditer(r"[\p{Extended_Pictographic}\U0001F1E6-\U0001F1FF]", text)
    }
    assert not (cuts & emoji) - standard


@pytest.mark.parametrize("sign", [FAMILY, "👍🏽", "🇩🇪", "e\u0301", "❤️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "\r\n", "각"])
def test_what_looks_like_one_sign_is_one(sign: str) -> None:
    assert list(graphemes("a" + sign + "b")) == ["a", sign, "b"]


def test_flags_in_a_row_are_cut_between_flags() -> None:
    assert list(graphemes("🇩🇪🇫🇷🇮🇹")) == ["🇩🇪", "🇫🇷", "🇮🇹"]


@given(WRITTEN, st.integers(20, 80), st.sampled_from([sms_alphabet.length, utf16_length]))
def test_parts_fit_and_lose_only_white_space(text: str, limit: int, length: object) -> None:
    assert callable(length)
    parts = split(text, limit, length=length)
    assert all(part and length(part) <= limit for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


@pytest.mark.parametrize("letter", ["ж", "\u00a0", "e\u0301"])
def test_letters_that_count_double_only_among_themselves_are_counted_after_the_cut(
    letter: str,
) -> None:
    # 1,001 UCS-2 units with the wide letter, 2,000 septets without it.
    parts = split("€" * 1000 + letter + "a" * 3000, 1600)
    assert all(sms_alphabet.length(part) <= 1600 for part in parts)


@pytest.mark.parametrize("length", [sms_alphabet.length, utf16_length])
@pytest.mark.parametrize(
    "sentence", ["A sentence with some words. ", "👍🏽 Ещё слова. ", "wordwithout"]
)
def test_a_long_text_does_not_hold_up_the_loop(length: object, sentence: str) -> None:
    assert callable(length)
    text = (sentence * 2000)[:16_000]
    took_s = []
    for _ in range(3):
        began_s = time.process_time()
        parts = split(text, 1600, length=length)
        took_s.append(time.process_time() - began_s)
    assert len(parts) >= 10
    assert min(took_s) < 0.05


def test_a_reply_of_1600_letters_is_one_message_and_1601_are_two() -> None:
    assert split("a" * 1600, 1600) == ("a" * 1600,)
    assert [len(part) for part in split("a" * 1601, 1600)] == [1600, 1]


def test_one_emoji_makes_the_whole_text_wide() -> None:
    text = "word " * 319 + "👍" * 4
    assert len(text) < 1600
    assert len(split(text, 1600)) == 2 or sms_alphabet.length(text) <= 1600
    assert [utf16_length(p) for p in split("👍" * 801, 1600)] == [1600, 2]


def test_a_family_at_the_limit_is_not_torn_apart() -> None:
    assert split("a" * 15 + FAMILY + "b", 20) == ("a" * 15, FAMILY + "b")


def test_cuts_prefer_paragraphs_then_sentences_then_words() -> None:
    assert split("One two three.\n\nFour five six. Seven.", 30) == (
        "One two three.",
        "Four five six. Seven.",
    )
    assert split("One two three. Four five six.", 20) == ("One two three.", "Four five six.")
    assert split("one two three four", 10) == ("one two", "three four")
    assert split("a" * 14 + ". " + "b" * 3, 15) == ("a" * 14 + ".", "bbb")


def test_a_blank_text_has_no_parts() -> None:
    assert split(" \n\t", 100) == ()


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 152 + "€" + "a" * 153, 3),
        ("ж" * 70, 1),
        ("ж" * 71, 2),
        ("ж" * 134, 2),
        ("ж" * 135, 3),
        ("👍" * 35, 1),
        ("👍" * 36, 2),
        ("👍" * 67, 3),
    ],
)
def test_segments_are_counted_as_the_network_does(text: str, count: int) -> None:
    assert sms_alphabet.segments(text) == count
