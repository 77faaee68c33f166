"""Keeps how loud both sides of a call were, from its offer on, in memory that does not grow with the call."""

import math

BUCKET_MS = 50
BUCKETS_MOST = 6_000
"""Five minutes at the finest; a longer call is kept half as fine each time it is full."""
FULL = 100
"""The loudest level."""
SPEAKING = 0x80
"""Set on a level while voice activity was found."""


def level_of(peak: int) -> int:
    """Return 0 to `FULL` for a sample's size; the root, so that quiet speech can be seen."""
    return min(FULL, round(FULL * math.sqrt(max(0, peak) / 32_767)))


class Envelope:
    """Levels of caller and agent by time; sans-I/O. Offsets are milliseconds since the call's offer."""

    def __init__(self, *, bucket_ms: int = BUCKET_MS, buckets_most: int = BUCKETS_MOST) -> None:
        self.bucket_ms = bucket_ms
        self.caller = bytearray()
        self.agent = bytearray()
        self._buckets_most = buckets_most

    def __len__(self) -> int:
        return len(self.caller)

    def put(self, offset_ms: float, caller: int, agent: int, *, is_speaking: bool = False) -> None:
        """Note the levels at a moment; those of one bucket are joined, what came before it is silence."""
        index = max(0, int(offset_ms // self.bucket_ms))
        while index >= self._buckets_most:
            self._halve()
            index = int(offset_ms // self.bucket_ms)
        if (missing := index + 1 - len(self.caller)) > 0:
            self.caller.extend(bytes(missing))
            self.agent.extend(bytes(missing))
        mark = SPEAKING if is_speaking else 0
        self.caller[index] = _joined(self.caller[index], min(FULL, caller) | mark)
        self.agent[index] = _joined(self.agent[index], min(FULL, agent))

    def _halve(self) -> None:
        self.caller = _halved(self.caller)
        self.agent = _halved(self.agent)
        self.bucket_ms *= 2


def _joined(one: int, other: int) -> int:
    return max(one & ~SPEAKING, other & ~SPEAKING) | ((one | other) & SPEAKING)


def _halved(levels: bytearray) -> bytearray:
    pairs = zip(levels[0::2], (*levels[1::2], 0), strict=False)
    return bytearray(_joined(one, other) for one, other in pairs)
