"""When a message that was not taken is tried again, and when it is given up."""

import random
from dataclasses import dataclass

ASKED_MOST_S = 86_400.0
"""Longest that a provider may ask us to wait; a number gone wrong must not put a message off for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Exponential back-off with jitter; the defaults try for about three quarters of an hour."""

    tries_most: int = 10
    first_s: float = 2.0
    most_s: float = 900.0
    settle_s: float = 15.0
    """How long after a lost answer the provider is asked, or the message sent again: receipts may tell before."""

    def delay_s(self, tries: int, dice: random.Random, *, at_least_s: float = 0.0) -> float:
        """Return how long to wait after the `tries`th try (from 1), at least as the provider asks.

        Between half and all of the doubled delay, so that many that failed together do not return together.
        """
        full_s = min(self.first_s * 2.0 ** min(tries - 1, 30), self.most_s)
        waits_s = full_s * dice.uniform(0.5, 1.0)
        at_least_s = min(at_least_s, ASKED_MOST_S)
        if waits_s < at_least_s:
            return at_least_s + self.first_s * dice.random()
        return waits_s
