"""Which words count as heard at a position."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model.frame import BYTES_PER_MS
from gateway.model.speech import Speech, Word
from gateway.sessions.heard import heard_text

PCM = bytes(1000 * BYTES_PER_MS)
TIMED = Speech(
    "One, two, three.", PCM, (Word("one", 0, 200), Word("two", 300, 500), Word("three", 600, 950))
)
EVEN = Speech("one two three four", PCM)


@pytest.mark.parametrize(
    ("heard_ms", "text"),
    [
        (-5, ""),
        (0, ""),
        (150, ""),
        (185, "One,"),  # to within one frame
        (250, "One,"),
        (499, "One, two,"),
        (940, "One, two, three."),
        (2000, "One, two, three."),
    ],
)
def test_with_timings_a_word_counts_when_its_end_was_played(heard_ms: float, text: str) -> None:
    assert heard_text(TIMED, heard_ms) == text


@pytest.mark.parametrize(
    ("heard_ms", "text"),
    [(100, ""), (200, "one"), (400, "one two"), (800, "one two three"), (985, EVEN.text)],
)
def test_without_timings_time_is_spread_over_the_letters(heard_ms: float, text: str) -> None:
    assert heard_text(EVEN, heard_ms) == text


def test_words_that_the_voice_counted_differently_are_taken_from_the_voice() -> None:
    speech = Speech(
        "at 10am", PCM, (Word("at", 0, 200), Word("ten", 250, 500), Word("a m", 500, 900))
    )

    assert heard_text(speech, 600) == "at ten"


@settings(deadline=None)
@given(st.floats(0, 1200), st.floats(0, 1200), st.sampled_from([TIMED, EVEN]))
def test_more_time_never_means_fewer_words(one: float, other: float, speech: Speech) -> None:
    less, more = sorted((one, other))

    assert heard_text(speech, more).startswith(heard_text(speech, less))
