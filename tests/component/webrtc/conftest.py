"""A real browser worker and browsers of aiortc, over loopback."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.support.browser_endpoint import browser_config
from tests.support.browser_harness import BrowserHarness

Start = Callable[..., Awaitable[BrowserHarness]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Start a worker with keys of `[webrtc]`; it is stopped after the test."""
    async with AsyncExitStack() as stack:

        async def begin(**webrtc: object) -> BrowserHarness:
            harness = BrowserHarness(tmp_path, browser_config(**webrtc))
            stack.push_async_callback(harness.stop)
            await harness.start()
            return harness

        yield begin
