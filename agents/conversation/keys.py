"""Collects the keys a caller presses into one entry; pure, the time is passed in."""

INTER_DIGIT_S = 2.5
"""So long after the last key the entry is complete (usual in voice menus: 2 to 3 s)."""

ENTRY_LIMIT = 32
"""Most keys of one entry; then it is complete (longer than any telephone or card number)."""


class KeyCollector:
    """The keys pressed so far. Owned by one conversation."""

    def __init__(self, inter_digit_s: float = INTER_DIGIT_S) -> None:
        self._inter_digit_s = inter_digit_s
        self._digits = ""
        self._last_s = 0.0

    @property
    def is_collecting(self) -> bool:
        return bool(self._digits)

    def press(self, now_s: float, digit: str) -> str | None:
        """Take one key; returns the entry if it is complete: `#` ends it and is not part of it.

        A lone `#` is an entry by itself, so that an agent can offer it as a choice.
        """
        self._last_s = now_s
        if digit == "#":
            return self._take() or "#"
        self._digits += digit
        return self._take() if len(self._digits) >= ENTRY_LIMIT else None

    def tick(self, now_s: float) -> str | None:
        """Return the entry if no further key came in time."""
        deadline_s = self.deadline_s()
        if deadline_s is None or now_s < deadline_s:
            return None
        return self._take()

    def deadline_s(self) -> float | None:
        """When `tick` will complete the entry; None while nothing was pressed."""
        return self._last_s + self._inter_digit_s if self._digits else None

    def _take(self) -> str:
        digits, self._digits = self._digits, ""
        return digits
