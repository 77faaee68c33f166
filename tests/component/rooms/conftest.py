"""The house of these tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.component.rooms.house import House, a_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A written side with nothing special configured."""
    async with a_house(tmp_path) as made:
        yield made
