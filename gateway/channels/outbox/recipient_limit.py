"""Decides how fast one person may be written to: a few messages at once, then at a steady pace.

The generic cell rate algorithm (ITU-T I.371, virtual scheduling): one number for each person.
"""

from collections import OrderedDict


class RecipientLimit:
    """Sans-I/O; `now` is any monotonic clock, seconds.

    Remembers `people_most` people; when full the one heard of longest ago is forgotten, which at worst lets that
    person have one more burst.
    """

    def __init__(
        self, *, burst: int = 6, interval_s: float = 4.0, people_most: int = 20_000
    ) -> None:
        self._tolerance_s = (burst - 1) * interval_s
        self._interval_s = interval_s
        self._people_most = people_most
        self._due_at: OrderedDict[str, float] = OrderedDict()
        """When the next message would be due at a steady pace."""

    def wait_s(self, person: str, now: float) -> float:
        """Return how long a message must still wait; 0 if it may go now."""
        return max(0.0, self._due_at.get(person, now) - self._tolerance_s - now)

    def take(self, person: str, now: float) -> None:
        """Count a message that goes now."""
        self._due_at[person] = max(self._due_at.get(person, now), now) + self._interval_s
        self._due_at.move_to_end(person)
        if len(self._due_at) > self._people_most:
            self._due_at.popitem(last=False)
