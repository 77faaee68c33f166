"""Remembers which tokens were used, until they expire by themselves; also over a restart."""

import logging
import os
from pathlib import Path

from gateway.http.errors import ApiError
from gateway.http.webrtc.tokens import REPLAYED, Claims, TokenRefused

log = logging.getLogger(__name__)

LIMIT = 10_000
"""Used tokens that can be remembered; with so many unexpired ones every further token is refused."""

FILE = "webrtc-used-tokens"


class UsedTokens:
    """Ids of used tokens and when each may be forgotten; times are Unix seconds, passed in.

    Full means that no token is taken: forgetting one early would let it be used again.
    """

    def __init__(self, *, limit: int = LIMIT) -> None:
        self._limit = limit
        self._until_s: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._until_s)

    def use(self, claims: Claims, now_s: float) -> None:
        """Take a token; raises `TokenRefused` if it was used, `ApiError` (503) if there is no room."""
        if claims.jti in self._until_s:
            raise TokenRefused(REPLAYED, "the token was used for another call; get a new one")
        if len(self._until_s) >= self._limit:
            self._forget(now_s)
        if len(self._until_s) >= self._limit:
            raise ApiError(503, "token.store_full", "too many calls with tokens; try again later")
        self._until_s[claims.jti] = claims.exp_s

    def give_back(self, claims: Claims) -> None:
        """Let a token be used again: no call came of it, and not through the caller's fault."""
        self._until_s.pop(claims.jti, None)

    def _forget(self, now_s: float) -> None:
        self._until_s = {jti: until for jti, until in self._until_s.items() if until > now_s}

    # Over a restart ---------------------------------------------------------------------------------

    def text(self, now_s: float) -> str:
        """Return what is to be remembered, one `expiry id` a line."""
        self._forget(now_s)
        return "".join(f"{until:.0f} {jti}\n" for jti, until in self._until_s.items())

    def load(self, text: str, now_s: float) -> None:
        """Remember what `text` tells; lines that tell nothing are skipped."""
        for line in text.splitlines():
            until, _, jti = line.partition(" ")
            if until.isascii() and until.isdigit() and len(until) < 16 and jti:
                self._until_s.setdefault(jti, float(until))
        self._forget(now_s)
        while len(self._until_s) > self._limit:
            del self._until_s[next(iter(self._until_s))]


def read_file(path: Path) -> str:
    """Return what an earlier run remembered, empty if it cannot be read. Blocks."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        log.warning("used tokens cannot be read", extra={"reason": error.strerror})
        return ""


def write_file(path: Path, text: str) -> None:
    """Keep what is to be remembered; a disk that fails does not end calls. Blocks."""
    draft = path.with_suffix(".new")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        os.replace(draft, path)
    except OSError as error:
        # They are still remembered in memory: only after a restart could one be used again.
        log.warning("used tokens cannot be written", extra={"reason": error.strerror})
