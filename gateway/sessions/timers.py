"""Named timers of one session: setting one again replaces it, and a cancelled one never fires."""

import asyncio
from collections.abc import Callable
from enum import StrEnum


class Timer(StrEnum):
    """What a session can wait for; each at most once at a time."""

    GATE = "gate"
    """The echo tail or the gate's deadline."""
    ANSWER = "answer"
    """The acknowledgement of our answer."""
    BARGE_IN = "barge_in"
    """Enough speech over the greeting."""
    ECHO_GRACE = "echo_grace"
    """Suspected echo that may be the caller after all."""
    MAX_CALL = "max_call"
    CLOSING = "closing"
    """The last words, should their mark not come back."""
    HANGING_UP = "hanging_up"
    """The end, should the endpoint not report it."""


class Timers:
    """Calls `fired` with the timer's name; on the event loop only."""

    def __init__(self, fired: Callable[[Timer], None]) -> None:
        self._fired = fired
        self._handles: dict[Timer, asyncio.TimerHandle] = {}

    def set(self, timer: Timer, delay_s: float) -> None:
        """Fire once after `delay_s` (at the next turn of the loop if it is not positive)."""
        self.cancel(timer)
        loop = asyncio.get_running_loop()
        self._handles[timer] = loop.call_later(max(0.0, delay_s), self._fire, timer)

    def cancel(self, timer: Timer) -> None:
        if handle := self._handles.pop(timer, None):
            handle.cancel()

    def cancel_all(self) -> None:
        for timer in tuple(self._handles):
            self.cancel(timer)

    @property
    def pending(self) -> tuple[Timer, ...]:
        return tuple(self._handles)

    def _fire(self, timer: Timer) -> None:
        self._handles.pop(timer, None)
        self._fired(timer)
