"""Says which ear hears which leg of a worker, for a whole tick at once."""

import numpy as np
import numpy.typing as npt


class EarTable:
    """Leg number to ear number, looked up by numpy for all legs of a tick. For one thread.

    Two sorted arrays, built anew when a leg comes or goes: that is rare, and leg numbers, which only
    rise, may be as large as they like.
    """

    def __init__(self) -> None:
        self._ears: dict[int, int] = {}
        self._build()

    def bind(self, leg: int, ear: int) -> None:
        """Send a leg's audio to an ear from now on."""
        self._ears[leg] = ear
        self._build()

    def unbind(self, leg: int) -> None:
        """Send a leg's audio to nobody; may be called for a leg that was never bound."""
        if self._ears.pop(leg, None) is not None:
            self._build()

    def clear(self) -> None:
        """Forget all legs."""
        self._ears.clear()
        self._build()

    def lookup(
        self, legs: npt.NDArray[np.uint32]
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_] | None]:
        """Return the ears of those legs that have one, and which legs those are (None: all)."""
        if not self._ears:
            return self._ear_of, np.zeros(len(legs), dtype=np.bool_)
        rows = self._legs.searchsorted(legs)
        rows[rows == len(self._legs)] = 0
        known = self._legs[rows] == legs
        ears = self._ear_of[rows]
        if known.all():
            return ears, None
        return ears[known], known

    def _build(self) -> None:
        legs = sorted(self._ears)
        self._legs = np.array(legs, dtype=np.uint32)
        self._ear_of = np.array([self._ears[leg] for leg in legs], dtype=np.int32)
