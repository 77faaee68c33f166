"""How fast keys are taken."""

from gateway.media.key_limit import BURST, PER_S, KeyLimit


def test_whoever_presses_keys_is_never_held_up() -> None:
    limit = KeyLimit()
    assert all(limit.admits(step / 8) for step in range(500))
    assert limit.dropped == 0


def test_a_flood_is_cut_to_what_a_person_could_press() -> None:
    limit = KeyLimit()
    taken = sum(limit.admits(step / 1_000) for step in range(10_000))
    assert BURST <= taken <= BURST + 10 * PER_S + 1
    assert limit.dropped == 10_000 - taken
    assert limit.admits(11.0)
