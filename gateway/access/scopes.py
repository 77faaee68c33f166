"""What a token may do, by the names that `offhook tokens create --scope` takes."""

from enum import StrEnum


class Scope(StrEnum):
    """One right; a token has one or several."""

    READ = "read"
    """See calls, rooms, messages and events, with the words spoken and written."""
    CALLS = "calls"
    """Place, answer for and end calls."""
    MESSAGES = "messages"
    """Write to people, send dead letters again, say who may be written to and by whom."""
    TOKENS = "tokens"
    """Have tokens signed that let a browser call."""
    METRICS = "metrics"
    """Read `/metrics`, where that needs a token."""
    ADMIN = "admin"
    """Everything: all the others, and what none of them names."""


EVERYTHING = frozenset(Scope)


def allows(held: frozenset[Scope], needed: Scope) -> bool:
    """Whether somebody with `held` may do what needs `needed`."""
    return needed in held or Scope.ADMIN in held
