"""Outbox tests run on virtual time."""

from tests.support.virtual_clock import VirtualClockLoop


def pytest_asyncio_loop_factories():
    return {"virtual": VirtualClockLoop}
