"""The one thread that writes: batches what waits into transactions and outlives a failing disk.

A failing disk (full, gone, locked) keeps the batch in the backlog and is tried again with back-off; the store is
degraded until a commit succeeds. A write that can never succeed (its data is refused) is dropped alone and
counted, so that it cannot hold up the others.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    ProgrammingError,
    SQLAlchemyError,
    StatementError,
)

from gateway.store.backlog import Backlog
from gateway.store.writes import Applier, Write

log = logging.getLogger(__name__)

BATCH_MOST = 256
GATHER_S = 0.2
"""So long an entry may wait for others that share its transaction, unless somebody waits for the commit: with two
hundred calls at an entry a second each, this makes five transactions a second out of two hundred."""
RETRY_FIRST_S = 0.2
RETRY_MOST_S = 5.0
CLOSING_TRIES = 3
LOG_EVERY_S = 60.0


def _refuses_data(error: Exception) -> bool:
    """Whether the write itself is at fault, so that trying it again can never help."""
    if isinstance(error, DBAPIError):
        return isinstance(error, DataError | IntegrityError | ProgrammingError)
    # SQLAlchemy wraps what the conversion of a parameter raised.
    return isinstance(error, StatementError | UnicodeError | ValueError | TypeError)


class Writer:
    """Owns the writing connection. `start`, then writes come through the backlog, then `stop`."""

    def __init__(
        self,
        engine: Engine,
        backlog: Backlog,
        *,
        on_backlog: Callable[[int], None] = lambda _length: None,
        gather_s: float = GATHER_S,
    ) -> None:
        self._engine = engine
        self._backlog = backlog
        self._on_backlog = on_backlog
        self._gather_s = gather_s
        self._applier = Applier()
        self._thread = threading.Thread(target=self._run, name="store writer", daemon=True)
        self._connection: Connection | None = None
        self._failure = ""
        self._failing_since_s = 0.0
        self._logged_at_s = float("-inf")
        self._dropped = 0

    @property
    def failure(self) -> str:
        """Why the last try failed; empty while all is well."""
        return self._failure

    @property
    def dropped(self) -> int:
        """Writes given up because the database refused their data."""
        return self._dropped

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Write what waits, then end; returns whether that was done in time."""
        self._backlog.close()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        delay_s = RETRY_FIRST_S
        tries_left = CLOSING_TRIES
        again = False
        while batch := self._backlog.take(BATCH_MOST, self._gather_s):
            try:
                self._write(batch, again=again)
            except Exception as error:  # whatever it is, the next calls need a writer
                again = True
                self._failed(error)
                if self._backlog.is_closed:
                    tries_left -= 1
                    if not tries_left:
                        break
                    time.sleep(RETRY_FIRST_S)
                else:
                    self._backlog.pause(delay_s)
                delay_s = min(delay_s * 2, RETRY_MOST_S)
                continue
            self._recovered()
            again = False
            delay_s = RETRY_FIRST_S
            self._backlog.done(len(batch))
            self._on_backlog(len(self._backlog))
        self._disconnect()

    def _write(self, batch: list[Write], *, again: bool) -> None:
        connection = self._connect()
        try:
            with connection.begin():
                self._applier.apply(connection, batch, again=again)
        except Exception as error:
            if not _refuses_data(error):
                raise
            log.error(
                "the database refuses a batch; its writes are tried one by one",
                extra={"writes": len(batch), "reason": _reason(error)},
            )
            self._write_singly(connection, batch)

    def _write_singly(self, connection: Connection, batch: list[Write]) -> None:
        for write in batch:
            try:
                with connection.begin():
                    # One by one after a failure: some may be there from an earlier round.
                    self._applier.apply(connection, [write], again=True)
            except Exception as error:
                if not _refuses_data(error):
                    raise
                self._dropped += 1
                log.error(
                    "a write is dropped: the database refuses its data",
                    extra={"write": type(write).__name__, "reason": _reason(error)},
                )

    def _connect(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # The connection may be what failed; the database recovers from its log by itself.
            with suppress(SQLAlchemyError):
                connection.close()

    def _failed(self, error: Exception) -> None:
        now_s = time.monotonic()
        if not self._failure:
            self._failing_since_s = now_s
        self._failure = _reason(error)
        # A connection that met an I/O error may hold half a transaction.
        self._disconnect()
        self._on_backlog(len(self._backlog))
        if now_s - self._logged_at_s >= LOG_EVERY_S:
            self._logged_at_s = now_s
            log.error(
                "the store cannot write; it keeps what it can and tries again",
                extra={"reason": self._failure, "waiting": len(self._backlog)},
            )

    def _recovered(self) -> None:
        if self._failure:
            self._failure = ""
            self._logged_at_s = float("-inf")
            log.warning(
                "the store writes again",
                extra={"after_s": round(time.monotonic() - self._failing_since_s, 1)},
            )


def _reason(error: Exception) -> str:
    """The driver's own words, without the statement and its parameters, which may be private."""
    origin = getattr(error, "orig", None)
    if isinstance(error, DBAPIError | OSError):
        return f"{type(error).__name__}: {origin if origin is not None else error}"
    return type(origin if origin is not None else error).__name__
