"""Debian's Chromium for the tests of page and calls: with a spoken WAV as the microphone, or without one."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.browser.support.chromium import Chromium
from tests.browser.support.far_end import FarEnd
from tests.browser.support.microphone import SpokenWav, spoken_wav


def _chromium() -> str:
    path = shutil.which("chromium")
    if path is None:
        if os.environ.get("REQUIRE_INTEROP"):
            pytest.fail("chromium is not installed")
        pytest.skip("chromium is not installed")
    return path


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
    async with Chromium.started(Path(_chromium()), microphone=spoken.path) as browser:
        yield browser


@pytest.fixture
async def refusing_chromium() -> AsyncIterator[Chromium]:
    """A browser that refuses the microphone without asking."""
    async with Chromium.started(Path(_chromium()), microphone=None) as browser:
        yield browser
