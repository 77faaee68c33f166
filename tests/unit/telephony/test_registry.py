"""No wrapper of a dead call may be destroyed once its slot is in use again."""

import pytest

from telephony.registry import SlotRegistry, SlotTaken


class Wrapper:
    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.fate: list[str] = []

    def close(self) -> None:
        self.fate.append("closed")

    def abandon(self) -> None:
        self.fate.append("abandoned")


def test_the_dead_are_closed_on_the_next_turn() -> None:
    registry: SlotRegistry[Wrapper] = SlotRegistry()
    call = Wrapper(3)
    registry.vacate(3)
    registry.adopt(call)
    registry.reap()
    assert call.fate == []
    registry.bury(call)
    registry.bury(call)
    registry.reap()
    registry.reap()
    assert call.fate == ["closed"]
    assert len(registry) == 0


def test_a_slot_used_again_before_that_abandons_the_old_wrapper() -> None:
    registry: SlotRegistry[Wrapper] = SlotRegistry()
    old, new = Wrapper(3), Wrapper(3)
    registry.adopt(old)
    registry.bury(old)
    registry.vacate(3)
    registry.adopt(new)
    registry.reap()
    assert old.fate == ["abandoned"]
    assert new.fate == []
    assert registry.abandoned == 1
    registry.bury(old)  # late news of the old call must not bury the new one
    registry.reap()
    assert new.fate == []


def test_a_living_call_keeps_its_slot() -> None:
    registry: SlotRegistry[Wrapper] = SlotRegistry()
    registry.adopt(Wrapper(3))
    with pytest.raises(SlotTaken):
        registry.vacate(3)
    with pytest.raises(SlotTaken):
        registry.adopt(Wrapper(3))


def test_close_all() -> None:
    registry: SlotRegistry[Wrapper] = SlotRegistry()
    calls = [Wrapper(slot) for slot in range(3)]
    for call in calls:
        registry.adopt(call)
    registry.bury(calls[0])
    registry.close_all()
    assert [call.fate for call in calls] == [["closed"]] * 3
