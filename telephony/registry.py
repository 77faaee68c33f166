"""Which call object owns which native call slot; pure bookkeeping against the worst trap of the binding.

A call object's destructor hangs up whatever call is in its slot. Slots are used again, at the earliest for
the next INVITE in the same poll. So a dead object must be destroyed while its slot is still empty, and
one that missed that moment must never be.
"""

from typing import Generic, Protocol, TypeVar


class Wrapper(Protocol):
    """An object that owns a native call."""

    @property
    def slot(self) -> int: ...

    def close(self) -> None:
        """Destroy the native object."""

    def abandon(self) -> None:
        """Never destroy the native object."""


W = TypeVar("W", bound=Wrapper)


class SlotTaken(RuntimeError):
    """A slot was given out while the call in it was, as far as we know, alive."""


class SlotRegistry(Generic[W]):
    """All native calls. Lives on the pj thread; keeps every object alive until it is closed."""

    def __init__(self) -> None:
        self._live: dict[int, W] = {}
        self._dead: dict[int, W] = {}
        self.abandoned = 0

    def __len__(self) -> int:
        return len(self._live) + len(self._dead)

    def vacate(self, slot: int) -> None:
        """Make room for a new call in `slot`; call this before its object is made.

        Raises `SlotTaken` if the slot's call has not ended.
        """
        if slot in self._live:
            raise SlotTaken(f"call slot {slot}")
        if (stale := self._dead.pop(slot, None)) is not None:
            stale.abandon()
            self.abandoned += 1

    def adopt(self, wrapper: W) -> None:
        """Keep a new call. Raises `SlotTaken` if its slot was not vacated."""
        if wrapper.slot in self._live or wrapper.slot in self._dead:
            raise SlotTaken(f"call slot {wrapper.slot}")
        self._live[wrapper.slot] = wrapper

    def bury(self, wrapper: W) -> None:
        """The call has ended; `reap` will destroy it. May be called twice."""
        if self._live.get(wrapper.slot) is wrapper:
            del self._live[wrapper.slot]
            self._dead[wrapper.slot] = wrapper

    def reap(self) -> None:
        """Destroy the dead; each turn, outside of all callbacks."""
        while self._dead:
            _, wrapper = self._dead.popitem()
            wrapper.close()

    def close_all(self) -> None:
        """Destroy everything, at the end of the process."""
        self.reap()
        while self._live:
            _, wrapper = self._live.popitem()
            wrapper.close()
