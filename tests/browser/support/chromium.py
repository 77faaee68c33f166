"""Starts Debian's Chromium for a test, and opens pages that fail the test if the page itself fails."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""For pages without sound."""
ALWAYS = (*QUIET, "--disable-quic", "--use-fake-device-for-media-stream")
"""For pages that call."""
GRANTING = "--use-fake-ui-for-media-stream"
REFUSING = "--deny-permission-prompts"


def chromium_program() -> str:
    """Return where it is; without it the tests are skipped, unless none may be."""
    found = shutil.which("chromium")
    assert found is not None, "chromium is not installed"
    return found


@dataclass
class Chromium:
    """One running browser; what its pages complained about is in `complaints`."""

    browser: Browser
    complaints: list[str] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def started(cls, *, microphone: Path | None) -> AsyncIterator["Chromium"]:
        """Start one; without a microphone the browser refuses it."""
        arguments = [*ALWAYS, REFUSING]
        if microphone is not None:
            sound = f"--use-file-for-fake-audio-capture={microphone}%noloop"
            arguments = [*ALWAYS, GRANTING, sound]
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=chromium_program(), args=arguments
            )
            yield cls(browser)
            await browser.close()

    async def open(self, url: str, **options: Any) -> Page:
        """Open a page in a context of its own."""
        context = await self.browser.new_context(**options)
        opened = await context.new_page()
        opened.on("pageerror", lambda error: self.complaints.append(str(error)))
        opened.on("console", self._note)
        await opened.goto(url)
        return opened

    def _note(self, message: Any) -> None:
        # Refused requests are noted by the browser itself; the tests that cause them look for words.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)


async def call(opened: Page, *, until: str = "in_call") -> None:
    """Press the call button and wait for a state of the call."""
    await opened.click(".call-button")
    await wait_for_state(opened, until)


async def wait_for_state(opened: Page, state: str, timeout_s: float = 15.0) -> None:
    await opened.wait_for_selector(f".panel[data-state={state}]", timeout=timeout_s * 1000)


async def until(condition: Callable[[], object], bound_s: float = 5.0) -> None:
    """Wait until something that happens in the far end, with no event of its own, has happened."""
    async with asyncio.timeout(bound_s):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
