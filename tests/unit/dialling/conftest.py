"""Dialling tests run on virtual time."""

import pytest

from tests.support.direct_database import DirectDatabase
from tests.support.virtual_clock import VirtualClockLoop


def pytest_asyncio_loop_factories():
    return {"virtual": VirtualClockLoop}


@pytest.fixture
def database():
    database = DirectDatabase()
    yield database
    database.close()
