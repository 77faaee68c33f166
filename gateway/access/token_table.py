"""The named tokens as the running gateway knows them: read again when the file has changed, use noted."""

import asyncio
import contextlib
import hmac
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

from gateway.access.scopes import Scope
from gateway.access.token_file import USED_FILE, NamedToken, TokenFile, read_used, replace_file
from gateway.errors import ConfigError

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
"""A revoked token is good for so long at most."""
WRITE_EVERY_S = 60.0
"""How old what is on disk about the last use may be."""


class TokenTable:
    """Implements `NamedTokens`; on the event loop. `clock` is Unix time in seconds."""

    def __init__(self, data_dir: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._file = TokenFile(data_dir, clock=clock)
        self._used_path = data_dir / USED_FILE
        self._clock = clock
        self._looked_at = float("-inf")
        self._stamp: tuple[int, int, int] | None = None
        self._tokens: tuple[NamedToken, ...] = ()
        self._used: dict[str, float] = {}
        self._unwritten = False

    def load(self) -> None:
        """Read all there is. Blocks; raises `ConfigError`."""
        self._used = dict(read_used(self._file.path.parent))
        self._stamp = self._stamp_now()
        self._tokens = self._file.read()

    def find(self, digest: bytes) -> tuple[str, frozenset[Scope]] | None:
        """Return name and scopes of a token, and note its use; None if it is unknown or has expired."""
        at = self._clock()
        self._look(at)
        given = digest.hex()
        # All are compared, in constant time: how long it takes does not tell which one was near.
        found = [token for token in self._tokens if hmac.compare_digest(token.sha256, given)]
        if not found or not found[0].is_good(at):
            return None
        self._used[found[0].name] = at
        self._unwritten = True
        return found[0].name, frozenset(found[0].scopes)

    async def run(self) -> None:
        """Write the times of last use down now and then, until cancelled."""
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            await asyncio.to_thread(self.write_used)

    def write_used(self) -> None:
        """Write the times of last use down, if there are new ones. Blocks; a full disk is told."""
        if not self._unwritten:
            return
        self._unwritten = False
        known = {token.name for token in self._tokens}
        text = json.dumps({name: at for name, at in list(self._used.items()) if name in known})
        try:
            replace_file(self._used_path, text + "\n")
        except OSError as error:
            self._unwritten = True
            log.warning("the last use of tokens cannot be written", extra={"reason": str(error)})

    def _look(self, at: float) -> None:
        """Read the file again if it was replaced; a few kilobytes, once for each change."""
        if 0 <= at - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = at
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._tokens = self._file.read()
        except ConfigError as error:
            # Closed rather than open: what was revoked in it is not known.
            self._tokens = ()
            log.error("no named API token is good any more", extra={"reason": str(error)})
        else:
            log.info("API tokens read again", extra={"tokens": len(self._tokens)})

    def _stamp_now(self) -> tuple[int, int, int] | None:
        with contextlib.suppress(OSError):
            status = self._file.path.stat()
            return status.st_mtime_ns, status.st_ino, status.st_size
        return None
