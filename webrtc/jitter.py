"""Puts the caller's packets in order and evens out their arrival; pure.

Each tick of the media clock takes what it needs. The buffer waits for `target` packets before it begins,
and again after it ran empty; the target rises when packets prove to come later than that, and falls when
for a while more of them waited than needed.
"""

from dataclasses import dataclass
from enum import StrEnum

TARGET_FIRST = 2
TARGET_MOST = 10
CAPACITY = 30
"""Packets; when full the oldest go."""
_SETTLED_TAKES = 150
"""Packets taken without ever running short, after which a shorter delay is tried."""
_JUMP = 200
"""Sequence numbers so far off mean that the sender began anew."""
_LATE_AFTER_TAKES = 15
"""An underrun that ends within so many ticks was lateness; a longer one was a pause of the sender."""


class Kind(StrEnum):
    """What a tick is to do."""

    PACKET = "packet"
    LOST = "lost"
    """Conceal one packet; `payload`, if any, is the following one, whose error correction may help."""
    NOTHING = "nothing"
    """Nobody sends, or the buffer fills."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What the next packet's time is filled with."""

    kind: Kind
    payload: bytes = b""


_NOTHING = Taken(Kind.NOTHING)


class JitterBuffer:
    """For one stream; `add` as packets come, `take` when the clock needs another packet's audio."""

    def __init__(self) -> None:
        self._packets: dict[int, bytes] = {}
        self._next: int | None = None  # extended sequence number to be taken next
        self._highest = 0
        self._is_filling = True
        self._target = TARGET_FIRST
        self._surplus = CAPACITY  # fewest packets left over since the last change of the target
        self._settled = 0
        self._empty_takes = 0
        self.late = 0
        """Packets that came after their time."""
        self.dropped = 0
        """Packets given up because too many waited, or to catch up."""
        self.concealed = 0

    @property
    def depth(self) -> int:
        """Packets that wait."""
        return len(self._packets)

    @property
    def target(self) -> int:
        return self._target

    def add(self, sequence: int, payload: bytes) -> None:
        """Take a packet; `sequence` is as on the wire, 16 bits."""
        if self._next is None and not self._packets:
            extended = self._highest = sequence + 65_536
        else:
            extended = self._highest + ((sequence - self._highest + 32_768) & 0xFFFF) - 32_768
            if abs(extended - self._highest) > _JUMP:
                self.reset()
                extended = self._highest = sequence + 65_536
        self._highest = max(self._highest, extended)
        if self._next is not None and extended < self._next:
            self.late += 1
            self._raise_target()
            return
        if (
            self._is_filling
            and self._next is not None
            and 0 < self._empty_takes <= _LATE_AFTER_TAKES
        ):
            self._raise_target()
        self._empty_takes = 0
        self._packets[extended] = payload
        while len(self._packets) > CAPACITY:
            oldest = min(self._packets)
            del self._packets[oldest]
            self.dropped += 1
            self._next = oldest + 1

    def take(self) -> Taken:
        """Return what the next packet's time is filled with."""
        if self._is_filling:
            if len(self._packets) < self._target:
                self._empty_takes += 1
                # The last words before a pause are not kept back for ever.
                if not self._packets or self._empty_takes <= self._target:
                    return _NOTHING
            self._is_filling = False
            self._empty_takes = 0
            self._next = min(self._packets)
        assert self._next is not None
        if not self._packets:
            self._is_filling = True
            self._empty_takes = 1
            self._settled = 0
            self.concealed += 1
            return Taken(Kind.LOST)
        payload = self._packets.pop(self._next, None)
        self._next += 1
        if payload is None:
            self.concealed += 1
            return Taken(Kind.LOST, self._packets.get(self._next, b""))
        self._settle()
        return Taken(Kind.PACKET, payload)

    def reset(self) -> None:
        """Forget all that waits: another stream begins."""
        self._packets.clear()
        self._next = None
        self._is_filling = True
        self._empty_takes = 0

    def _raise_target(self) -> None:
        self._target = min(self._target + 1, TARGET_MOST)
        self._settled = 0
        self._surplus = CAPACITY

    def _settle(self) -> None:
        self._surplus = min(self._surplus, len(self._packets))
        self._settled += 1
        if self._settled < _SETTLED_TAKES:
            return
        if self._surplus >= 1 and len(self._packets) > 1:
            # So many were never needed: one packet less of delay.
            assert self._next is not None
            if self._packets.pop(self._next, None) is not None:
                self.dropped += 1
            self._next += 1
            self._target = max(TARGET_FIRST, self._target - 1)
        self._settled = 0
        self._surplus = CAPACITY
