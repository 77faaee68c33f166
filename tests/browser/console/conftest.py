"""A gateway with calls and messages, and a browser at its console."""

import base64
import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from gateway.channels.webhook_signature import key_of, sign
from tests.browser.support.chromium import QUIET, chromium_program
from tests.interop.gateway.conftest import (
    SETTINGS,
    WideWords,
    cache,
    call,
    own_gateway,
    wide_words,
    words,
)
from tests.interop.gateway.running_gateway import RunningGateway

__all__ = ["cache", "call", "own_gateway", "wide_words", "words"]

SECRET = base64.b64encode(b"k" * 32).decode()
UNREACHABLE = "nobody@example.org"
"""The operator's program refuses messages to this address."""

OpenConsole = Callable[..., Page]


class Program:
    """The operator's own program: takes our messages over HTTP, and writes to us."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        program = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                message = json.loads(self.rfile.read(length))
                is_good = message["to"] != UNREACHABLE
                if is_good:
                    program.taken.append(message)
                self.send_response(200 if is_good else 422)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Requests are looked at in `taken`."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/messages"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def write(self, gateway: RunningGateway, sender: str, text: str, to: str = "desk") -> None:
        """Have a person write to us."""
        body = json.dumps({"from": sender, "to": to, "text": text, "name": "Ann"}).encode()
        at = time.time()
        headers = sign(key_of(SECRET), f"m-{time.monotonic_ns()}", body, at=at)
        request = urllib.request.Request(
            f"http://127.0.0.1:{gateway.http_port}/hooks/messages",
            data=body,
            headers={**headers, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert answer.status < 300


@pytest.fixture(scope="session")
def program() -> Iterator[Program]:
    program = Program()
    yield program
    program.close()


@pytest.fixture(scope="session")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, cache: Path, program: Program
) -> Iterator[RunningGateway]:
    """The gateway whose console is looked at."""
    directory = tmp_path_factory.mktemp("console-desk")
    (directory / "secret").write_text(SECRET)
    channel = f'[channels.webhook]\nurl = "{program.url}"\nsecret_file = "secret"\n'
    with RunningGateway(directory, cache, channel + SETTINGS) as gateway:
        yield gateway
    assert not gateway.troubles()


@pytest.fixture(scope="session")
def token(gateway: RunningGateway) -> str:
    return (gateway.data_dir / "api-token").read_text().strip()


@pytest.fixture(scope="module")
def playwright(wide_words: WideWords) -> Iterator[Playwright]:  # rendered before there is a loop
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=chromium_program(), args=list(QUIET))
    yield browser
    browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the pages of a test wrote to their consoles as errors."""
    return []


@pytest.fixture
def open_console(
    browser: Browser, gateway: RunningGateway, token: str, complaints: list[str]
) -> Iterator[OpenConsole]:
    """Open the console in a browser of its own, signed in; it must not have complained of anything."""
    with ExitStack() as stack:

        def open_it(fragment: str = "", *, sign_in: bool = True, **options: Any) -> Page:
            context = browser.new_context(**options)
            stack.callback(context.close)
            context.set_default_timeout(10_000)
            page = context.new_page()
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on(
                "console",
                lambda message: (
                    complaints.append(message.text)
                    if message.type == "error" and "Failed to load resource" not in message.text
                    else None
                ),
            )
            page.goto(f"http://127.0.0.1:{gateway.http_port}/console{fragment}")
            page.wait_for_selector(".sign-in-form")
            if sign_in:
                page.fill("#token", token)
                page.click("text=Sign in")
                page.wait_for_selector(".connection[data-state=open]", state="attached")
            return page

        yield open_it
    assert complaints == []
