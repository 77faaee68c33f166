"""Debian's Chromium for the tests of page and calls: with a spoken WAV as the microphone, or without one."""

from collections.abc import AsyncIterator

import pytest

from tests.browser.support.chromium import Chromium
from tests.browser.support.far_end import FarEnd
from tests.browser.support.microphone import SpokenWav, spoken_wav


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> SpokenWav:
    """A marked sound as the microphone: bursts whose places in time are known."""
    return spoken_wav(tmp_path_factory.mktemp("microphone") / "marked.wav")


@pytest.fixture
async def far_end() -> AsyncIterator[FarEnd]:
    far_end = FarEnd()
    await far_end.start()
    yield far_end
    await far_end.stop()


@pytest.fixture
async def chromium(spoken: SpokenWav) -> AsyncIterator[Chromium]:
    """A browser that grants the microphone, which plays the marked sound."""
    async with Chromium.started(microphone=spoken.path) as browser:
        yield browser


@pytest.fixture
async def refusing_chromium() -> AsyncIterator[Chromium]:
    """A browser that refuses the microphone without asking."""
    async with Chromium.started(microphone=None) as browser:
        yield browser
