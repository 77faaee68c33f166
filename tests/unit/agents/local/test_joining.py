"""Several speeches as one."""

from agents.local.joining import joined
from gateway.model.speech import Speech, Word


def test_words_of_later_parts_are_moved():
    first = Speech("One.", bytes(3_200), (Word("One.", 10, 90),), "joe")
    second = Speech("Two.", bytes(6_400), (Word("Two.", 0, 150),), "joe")

    whole = joined("One. Two.", [first, second])

    assert whole.text == "One. Two."
    assert whole.duration_ms == 300
    assert whole.words == (Word("One.", 10, 90), Word("Two.", 100, 250))
    assert whole.source == "joe"


def test_nothing():
    assert joined("", []) == Speech("", b"")
