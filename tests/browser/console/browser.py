"""Starts Debian's Chromium for the console: it needs neither microphone nor sound."""

import os
import shutil

import pytest
from playwright.sync_api import Browser, Playwright

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def start_browser(playwright: Playwright) -> Browser:
    """Start one; skips the test where there is none."""
    program = shutil.which("chromium")
    if program is None:
        if os.environ.get("REQUIRE_INTEROP"):
            pytest.fail("chromium is not installed")
        pytest.skip("chromium is not installed")
    return playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS), headless=True)
