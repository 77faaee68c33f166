"""What browser calls over HTTP ask of the sessions."""

from collections.abc import Mapping
from typing import Protocol


class LiveStates(Protocol):
    """Which calls go on."""

    def states(self) -> Mapping[str, str]:
        """Return call id → state of the session, for every live call."""
