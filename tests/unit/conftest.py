"""What unit tests of several folders share."""

from collections.abc import Iterator

import pytest

from tests.support.direct_database import DirectDatabase


@pytest.fixture
def database() -> Iterator[DirectDatabase]:
    """A database in memory, without a thread of its own."""
    made = DirectDatabase()
    yield made
    made.close()
