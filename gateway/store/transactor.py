"""The seam between those who write messages and the database they are written to."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


class Transactor(Protocol):
    """Runs work on the database, away from the event loop."""

    async def transact(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` returns, once that is on the disk; waits out a failing disk.

        `work` may run twice and must then leave one copy. Raises `StoreError` if it cannot be accepted
        or its data are refused, and what `work` raises.
        """

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Return what `query` returns; it sees all that was committed before. Raises `StoreError`."""
