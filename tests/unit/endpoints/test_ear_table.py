"""Leg numbers to ear numbers, for a tick at once."""

from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gateway.endpoints.ear_table import EarTable

_leg = st.integers(0, 2**32 - 1)


def look_up(table: EarTable, legs: list[int]) -> dict[int, int]:
    """Return leg to ear, for those legs that have one."""
    asked = np.array(legs, dtype=np.uint32)
    ears, which = table.lookup(asked)
    known = asked if which is None else asked[which]
    assert len(known) == len(ears)
    return dict(zip(known.tolist(), ears.tolist(), strict=True))


def test_nobody_hears_in_an_empty_table() -> None:
    assert look_up(EarTable(), [1, 2, 3]) == {}
    assert look_up(EarTable(), []) == {}


def test_a_leg_is_heard_until_it_is_unbound() -> None:
    table = EarTable()
    table.bind(7, 3)
    table.bind(9, 4)
    assert look_up(table, [9, 8, 7]) == {7: 3, 9: 4}

    table.bind(7, 5)
    table.unbind(9)
    table.unbind(9)

    assert look_up(table, [9, 8, 7]) == {7: 5}
    table.clear()
    assert look_up(table, [7]) == {}


@given(
    st.dictionaries(_leg, st.integers(0, 1_000), max_size=40),
    st.sets(_leg, max_size=20),
    st.randoms(),
)
def test_it_answers_like_a_dictionary(
    ears: dict[int, int], strangers: set[int], random: Random
) -> None:
    table = EarTable()
    for leg, ear in ears.items():
        table.bind(leg, ear)
    asked = list(ears.keys() | strangers)
    random.shuffle(asked)

    assert look_up(table, asked) == ears
