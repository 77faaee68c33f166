"""What browser calls over HTTP ask of the sessions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


class LiveStates(Protocol):
    """Which calls go on."""

    def states(self) -> Mapping[str, str]:
        """Return call id → state of the session, for every live call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """Whoever calls by a link into a room."""

    number: str
    """Ours, of the room."""
    person: str
    """The room's."""
    agent: str
    """Who speaks for the number."""


class Guests(Protocol):
    """Knows rooms."""

    async def guest(self, room_id: str) -> Guest | None:
        """Return who calls into a room; None if there is no such room, or nobody answers there.

        Raises `StoreError`.
        """
