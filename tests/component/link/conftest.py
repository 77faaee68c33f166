"""Fixtures for tests with a real worker process."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.component.link.worker_harness import WorkerHarness


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    harness = WorkerHarness(tmp_path)
    try:
        await harness.start()
        yield harness
    finally:
        await harness.stop()
