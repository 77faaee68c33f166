"""All asynchronous tests of endpoints here run on virtual time."""

import asyncio
from collections.abc import Callable, Mapping

from tests.support.virtual_clock import VirtualClockLoop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Give pytest-asyncio the only kind of loop for this folder."""
    return {"virtual": VirtualClockLoop}
