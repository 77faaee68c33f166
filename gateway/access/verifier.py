"""The one place where a bearer token becomes rights: `verify(token, address)` → `Granted` or `Refused`."""

import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.access.login_throttle import LoginThrottle
from gateway.access.scopes import EVERYTHING, Scope

FULL = "full"
"""The name of the token of `http.api_token_file`, which may do everything."""
LONGEST_TOKEN = 512
"""Characters; longer ones are wrong unread."""


@dataclass(frozen=True, slots=True)
class Granted:
    """The token is good."""

    name: str
    """What the operator called it; fit for logs."""
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True)
class Refused:
    """The token is not good, or its address guessed too often."""

    retry_after_s: int = 0
    """0: the token is wrong. Else nobody new is let in from this address for so many seconds."""


class NamedTokens(Protocol):
    """Finds named tokens by the SHA-256 of what was given."""

    def find(self, digest: bytes) -> tuple[str, frozenset[Scope]] | None:
        """Return name and scopes of a token that is good now; bounded, returns at once."""


class _NoNamedTokens:
    def find(self, digest: bytes) -> None:  # noqa: ARG002  (there are none to compare with)
        return None


class Verifier:
    """Owned by the composition root; for the event loop, returns at once.

    Tokens are compared by their SHA-256, in constant time: a plain hash suffices where a password
    would need a slow one, since what is hashed is 256 random bits (or, for the file of the operator,
    what he was told to make with `openssl rand`): no dictionary has it.
    """

    def __init__(
        self,
        full_token: str,
        named: NamedTokens | None = None,
        *,
        throttle: LoginThrottle | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._full = digest_of(full_token)
        self._named: NamedTokens = named or _NoNamedTokens()
        self._throttle = throttle or LoginThrottle()
        self._clock = clock

    def verify(self, token: str, address: str) -> Granted | Refused:
        """Tell what the bearer of `token` may do who asks from `address` (an IP address, or empty).

        A refusal with `retry_after_s` is for HTTP 429, one without for 401.
        """
        now_s = self._clock()
        digest = digest_of(token)
        granted = self._find(digest) if 0 < len(token) <= LONGEST_TOKEN else None
        if granted is None:
            # No token at all is no guess: a browser that asks first and logs in later is no attacker.
            return Refused(self._throttle.failed(address, now_s) if token else 0)
        # The right token is let through a lock only from where it was good before: else a lock would
        # only slow down those who guess wrong.
        wait_s = self._throttle.succeeded(address, digest, now_s)
        return Refused(wait_s) if wait_s else granted

    def holds(self, token: str) -> Granted | None:
        """Tell what the bearer of a token may do now who was let in before; None: nothing any more.

        Not a guess, so it is neither counted nor held up.
        """
        return self._find(digest_of(token)) if 0 < len(token) <= LONGEST_TOKEN else None

    def _find(self, digest: bytes) -> Granted | None:
        is_full = hmac.compare_digest(digest, self._full)
        found = self._named.find(digest)
        if is_full:
            return Granted(FULL, EVERYTHING)
        return None if found is None else Granted(*found)


def digest_of(token: str) -> bytes:
    """Return the SHA-256 of a token as it was sent."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
