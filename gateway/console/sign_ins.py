"""Who is signed in to the console: random keys for cookies, each standing for an API token; bounded, in memory only.

The page never gets the token back: it holds a key that is worthless elsewhere and dies with the gateway.
"""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable

KEY_BYTES = 32
SIGN_INS_MOST = 256
"""When full the one that was used longest ago is signed out."""


class SignIns:
    """Keys by their hash, so that comparing takes the same time whatever is tried. Times are seconds of any clock."""

    def __init__(
        self, *, lasts_s: float, clock: Callable[[], float], most: int = SIGN_INS_MOST
    ) -> None:
        self.lasts_s = lasts_s
        self._clock = clock
        self._most = most
        self._tokens: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        """Hash of a key → the token, and when it ends."""

    def __len__(self) -> int:
        return len(self._tokens)

    def sign_in(self, token: str) -> str:
        """Return a new key for a token that was found good."""
        key = secrets.token_urlsafe(KEY_BYTES)
        self._tokens[_hash(key)] = (token, self._clock() + self.lasts_s)
        while len(self._tokens) > self._most:
            self._tokens.popitem(last=False)
        return key

    def token(self, key: str) -> str | None:
        """Return the token behind a key; None if there is none (any more)."""
        hashed = _hash(key)
        token, ends_s = self._tokens.get(hashed, ("", 0.0))
        if not token:
            return None
        if self._clock() >= ends_s:
            del self._tokens[hashed]
            return None
        self._tokens.move_to_end(hashed)
        return token

    def sign_out(self, key: str) -> None:
        """Forget a key; may be called twice."""
        self._tokens.pop(_hash(key), None)


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()
