"""When to register with a trunk, and when again after it failed; pure, times are passed in.

OFF ─► PENDING ─accepted─► REGISTERED ─refresh failed─► WAITING ─pause over─► PENDING
          │  └──failed──► WAITING
          └── withdraw, from every state ──► (LEAVING ─►) WITHDRAWING ─► OFF
"""

import random
from dataclasses import dataclass
from enum import StrEnum

JITTER = 0.2
"""Share by which a pause varies, so that many gateways do not come back to a trunk at once."""
ANSWER_BOUND_S = 40.0
"""Longer than a SIP transaction lasts (32 s): the stack has told nothing, so we ask again."""


class RegistrationState(StrEnum):
    """How we stand with a trunk."""

    OFF = "off"
    PENDING = "pending"
    REGISTERED = "registered"
    WAITING = "waiting"
    """It failed; the next try is due later."""
    LEAVING = "leaving"
    """To be withdrawn, once the answer to what was asked before is there."""
    WITHDRAWING = "withdrawing"


class Ask(StrEnum):
    """What is to be sent."""

    REGISTER = "register"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long to wait after failures, in seconds."""

    first_s: float
    most_s: float


class Registration:
    """One trunk's. Refreshing in time is the SIP stack's doing; this begins, begins again and withdraws."""

    def __init__(self, pauses: Pauses, dice: random.Random) -> None:
        self._pauses = pauses
        self._dice = dice
        self._failures = 0
        self._due_s: float | None = 0.0
        self._bound_s = 0.0
        self.state = RegistrationState.OFF

    @property
    def is_registered(self) -> bool:
        return self.state is RegistrationState.REGISTERED

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to be told to the trunk when we go."""
        return self.state is RegistrationState.OFF

    def poll(self, now_s: float) -> Ask | None:
        """Return what is to be sent now."""
        if self._due_s is None or now_s < self._due_s:
            return None
        if self.state is RegistrationState.REGISTERED:
            return self._ask_to_withdraw(now_s)
        if self.state in (RegistrationState.LEAVING, RegistrationState.WITHDRAWING):
            # No answer came: the binding runs out by itself.
            self.state, self._due_s = RegistrationState.OFF, None
            return None
        self.state = RegistrationState.PENDING
        self._due_s = now_s + ANSWER_BOUND_S
        return Ask.REGISTER

    def answered(self, status: int, is_active: bool, now_s: float) -> None:
        """The trunk answered with a final status, or none came (408); also to a refresh."""
        has_us = 200 <= status < 300 and is_active
        match self.state:
            case RegistrationState.OFF:
                return
            case RegistrationState.LEAVING if has_us:
                # Due at once: `poll` withdraws what was accepted a moment too late.
                self.state, self._due_s = RegistrationState.REGISTERED, now_s
            case RegistrationState.LEAVING | RegistrationState.WITHDRAWING:
                self.state, self._due_s = RegistrationState.OFF, None
            case _ if has_us:
                self.state, self._due_s = RegistrationState.REGISTERED, None
                self._failures = 0
            case _:
                self.state = RegistrationState.WAITING
                self._due_s = now_s + self._pause_s()
                self._failures += 1

    def could_not_ask(self, now_s: float) -> None:
        """The stack could not send."""
        self.answered(503, False, now_s)

    def withdraw(self, now_s: float, bound_s: float) -> Ask | None:
        """Return what is to be sent so that no calls come here any more; harmless to ask for twice."""
        self._bound_s = bound_s
        match self.state:
            case RegistrationState.REGISTERED:
                return self._ask_to_withdraw(now_s)
            case RegistrationState.PENDING:
                self.state, self._due_s = RegistrationState.LEAVING, now_s + bound_s
            case RegistrationState.OFF | RegistrationState.WAITING:
                self.state, self._due_s = RegistrationState.OFF, None
        return None

    def _ask_to_withdraw(self, now_s: float) -> Ask:
        self.state, self._due_s = RegistrationState.WITHDRAWING, now_s + self._bound_s
        return Ask.WITHDRAW

    def _pause_s(self) -> float:
        pause_s = min(self._pauses.most_s, self._pauses.first_s * 2.0 ** min(self._failures, 16))
        return pause_s * self._dice.uniform(1 - JITTER, 1 + JITTER)
