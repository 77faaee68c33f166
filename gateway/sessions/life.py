"""The one place where a session's state is kept and changed."""

import logging
from collections.abc import Callable

from gateway.sessions.state import OVER, SessionState, Trigger, advance

logger = logging.getLogger(__name__)


class Life:
    """A session's state. Changed by its session's task only; read by anybody on the event loop."""

    def __init__(self, call_id: str, *on_change: Callable[[SessionState], None]) -> None:
        self._call_id = call_id
        self._on_change = on_change
        self._state = SessionState.OFFERED

    @property
    def state(self) -> SessionState:
        return self._state

    @property
    def is_over(self) -> bool:
        """Whether the hang-up or refusal was sent, or the leg is gone."""
        return self._state in OVER

    def apply(self, trigger: Trigger) -> None:
        """Follow the table; raises `InvalidTransition`."""
        following = advance(self._state, trigger)
        logger.debug("= %s -> %s", self._state, following, extra={"call_id": self._call_id})
        has_changed = following is not self._state
        self._state = following
        if has_changed:
            for told in self._on_change:
                told(following)

    def abandon(self) -> None:
        """Be ended from any state, when the session cannot go on and nobody will report the end."""
        self._state = SessionState.ENDED
