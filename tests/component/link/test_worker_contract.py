"""A worker process over the link keeps the promises of an endpoint."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.component.link.worker_harness import WorkerHarness
from tests.unit.endpoints.contract import EndpointContract


class TestWorkerEndpoint(EndpointContract):
    @pytest.fixture
    async def harness(self, tmp_path: Path) -> AsyncIterator[WorkerHarness]:
        harness = WorkerHarness(tmp_path)
        try:
            await harness.start()
            yield harness
        finally:
            await harness.stop()
