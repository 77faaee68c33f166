"""Close sentences have a high cosine."""

import numpy as np
import pytest


def test_rows_have_length_one_and_nothing_is_zero(embedder):
    rows = embedder.embed(["When are you open?", "Hello", ""])

    assert rows.shape == (3, embedder.width)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1).tolist() == pytest.approx([1.0, 1.0, 0.0])


def test_no_texts(embedder):
    assert embedder.embed([]).shape == (0, embedder.width)


def test_questions_are_nearest_to_their_kin(embedder):
    known = embedder.embed(["When are you open?", "Where are you?", "How much does it cost?"])
    asked = embedder.embed(
        ["What are your opening hours?", "Where is your office?", "What is the cost of it?"]
    )

    assert (asked @ known.T).argmax(axis=1).tolist() == [0, 1, 2]
