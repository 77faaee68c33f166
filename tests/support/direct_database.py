"""A `Transactor` on a database in memory that works at once: the real statements, on any clock."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import StaticPool

from gateway.store import schema
from gateway.store.transactor import Transactor

T = TypeVar("T")


class DirectDatabase:
    """Made with all tables; `close` it."""

    def __init__(self) -> None:
        self._engine = create_engine("sqlite://", poolclass=StaticPool)
        self.run(schema.prepare)

    def run(self, work: Callable[[Connection], T]) -> T:
        """Run work in a transaction, now."""
        with self.begin() as connection:
            return work(connection)

    def begin(self) -> AbstractContextManager[Connection]:
        """Return a transaction, committed at its end."""
        return self._engine.begin()

    async def transact(self, work: Callable[[Connection], T]) -> T:
        return self.run(work)

    async def read(self, query: Callable[[Connection], T]) -> T:
        return self.run(query)

    def close(self) -> None:
        self._engine.dispose()


_: type[Transactor] = DirectDatabase
