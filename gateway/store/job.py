"""A piece of work for the writer's thread whose result somebody waits for: a transaction within the batch."""

from collections.abc import Callable
from typing import Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import StoreError

T = TypeVar("T")


class Job(Generic[T]):
    """Runs `work` within a transaction; `result` is to be asked for once that is committed.

    `work` may run again when a commit failed, and must then leave what it left the first time.
    """

    def __init__(self, work: Callable[[Connection], T]) -> None:
        self._work = work
        self._results: list[T] = []
        self._failure: Exception | None = None

    def run(self, connection: Connection) -> None:
        """Do the work. Raises what the database raises; what else goes wrong is kept for `result`."""
        self._results.clear()
        self._failure = None
        try:
            # On its own savepoint: work that fails half-way takes back its half, not the batch.
            with connection.begin_nested():
                self._results.append(self._work(connection))
        except SQLAlchemyError:
            raise
        except Exception as error:
            self._results.clear()
            self._failure = error

    def result(self) -> T:
        """Return what the work returned, or raise what it raised; `StoreError` if it was dropped."""
        if self._failure is not None:
            raise self._failure
        if not self._results:
            raise StoreError("the database refused the data of a transaction")
        return self._results[0]
