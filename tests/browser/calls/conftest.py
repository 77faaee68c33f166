"""The gateway that browsers call, people at browsers, and what they say and should hear."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, Playwright, sync_playwright

from agents.speech.pool import SpeechPool
from agents.voices import LocalVoice
from gateway.config import SpeechSection
from gateway.media.speech_cache import SpeechCache
from tests.browser.calls.browser import CallingBrowser, Samples, Settings, speak_into
from tests.interop.gateway.conftest import (
    SETTINGS,
    StartGateway,
    WideWords,
    cache,
    own_gateway,
    wide_words,
)
from tests.interop.gateway.running_gateway import Record, RunningGateway, until
from tests.interop.support.web_caller import WebCaller

__all__ = ["cache", "own_gateway", "wide_words"]

WEB = "[webrtc]\ncalls_per_minute = 6000\n"
Person = Callable[..., "WebPerson"]
Speaking = Callable[..., Path]
_numbers = itertools.count(1)


class WebPerson:
    """A person at a browser, known to the gateway by the token's subject."""

    def __init__(self, gateway: RunningGateway, browser: CallingBrowser, agent: str) -> None:
        subject = f"person-{next(_numbers)}"
        self.number = f"web:{subject}"
        self.browser = browser
        self._gateway = gateway
        self._agent = agent
        self._subject = subject
        self._page: Page | None = None

    @property
    def page(self) -> Page:
        assert self._page is not None
        return self._page

    def open(self, host: str = "127.0.0.1") -> None:
        """Open the page by an invitation."""
        token = self._gateway.mint(self._agent, self._subject)
        address = f"http://{host}:{self._gateway.http_port}/?agent={self._agent}#token={token}"
        self._page = self.browser.open(address)
        self._page.wait_for_selector(".call-button:visible")

    def call(self, host: str = "127.0.0.1") -> Record:
        """Open the page and click; returns the call's record once media is up."""
        self.open(host)
        self.click_call()
        return self._gateway.wait_for(self.number, "media_up", 20)

    def click_call(self) -> None:
        self.page.click(".call-button")

    def wait_for_state(self, state: str, bound_s: float = 15) -> None:
        self.page.wait_for_selector(f".panel[data-state={state}]", timeout=bound_s * 1000)

    def lines(self, who: str) -> str:
        """Return what the page shows of one side's words (`agent`, `caller`), in lower case."""
        return " ".join(self.page.locator(f".line.by-{who} .words").all_inner_texts()).lower()

    def wait_for_line(self, who: str, text: str, bound_s: float = 15) -> None:
        until(lambda: text in self.lines(who), bound_s, f"{text!r} of {who} on the page")


@pytest.fixture(scope="session")
def web_desk(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[RunningGateway]:
    """The gateway of all tests that break nothing."""
    with RunningGateway(tmp_path_factory.mktemp("web-desk"), cache, WEB + SETTINGS) as gateway:
        yield gateway
    assert not gateway.troubles()


@pytest.fixture
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture
def person(playwright: Playwright, tmp_path: Path) -> Iterator[Person]:
    """Have a person sit down at a browser; whose page complained of nothing at the end."""
    with ExitStack() as stack:
        people: list[WebPerson] = []

        def sit_down(gateway: RunningGateway, agent: str = "desk", **options: Any) -> WebPerson:
            settings = Settings(**options)
            browser = CallingBrowser(playwright, tmp_path, settings)
            stack.enter_context(browser)
            people.append(WebPerson(gateway, browser, agent))
            return people[-1]

        yield sit_down
        troubles = [line for someone in people for line in someone.browser.troubles()]
    assert not troubles


@pytest.fixture
def web_call() -> Iterator[Callable[..., WebCaller]]:
    """Prepare a call without a browser; it is over with the test."""
    with ExitStack() as stack:

        def start(gateway: RunningGateway, agent: str = "desk", **options: Any) -> WebCaller:
            return stack.enter_context(WebCaller(gateway.web_url(agent), **options))

        yield start


@pytest.fixture
def speaking(tmp_path: Path, wide_words: WideWords) -> Speaking:
    """Write a microphone's sound: words (of the known lines) and pauses in seconds."""

    def write(*parts: str | float) -> Path:
        sounds = [wide_words(part) if isinstance(part, str) else part for part in parts]
        return speak_into(tmp_path / "microphone.wav", *sounds, 30.0)

    return write


@pytest.fixture(scope="session")
def reference(cache: Path) -> Callable[[str], Samples]:
    """Return what the agent should be heard to say, 16 kHz; it must have been rendered."""
    voice = LocalVoice(SpeechPool(SpeechSection())).name

    def load(text: str) -> Samples:
        # Playwright has a loop running on the tests' thread.
        found = SpeechCache(cache / "speech").get(voice, text)
        with ThreadPoolExecutor(1) as thread:
            speech = thread.submit(asyncio.run, found).result()
        assert speech is not None, f"not in the cache: {text}"
        return np.frombuffer(speech.pcm, dtype="<i2").astype(np.float64)

    return load


__all__ += ["StartGateway"]
