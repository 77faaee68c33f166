"""Takes pictures of every view with calls and messages in it; OFFHOOK_PICTURES names a folder to keep them in."""

import os
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.console.conftest import UNREACHABLE, OpenConsole, Program
from tests.interop.gateway.caller import Caller
from tests.interop.gateway.conftest import ASK_ADDRESS, ASK_HOURS, INTERRUPT, Call, Words
from tests.interop.gateway.running_gateway import RunningGateway, until

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}
BYTES_MOST = 600_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = Path(os.environ.get("OFFHOOK_PICTURES") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def take(page: Page, path: Path) -> None:
    page.wait_for_timeout(700)
    page.screenshot(path=path)
    assert 5_000 < path.stat().st_size < BYTES_MOST


@pytest.fixture
def busy(gateway: RunningGateway, program: Program, call: Call, words: Words) -> Caller:
    """Some messages, a call that has had turns and an interruption, one in its greeting, one to the echo."""
    program.write(gateway, "ann@example.org", "When are you open?")
    program.write(gateway, UNREACHABLE, "Where are you?")
    main = call(gateway)
    gateway.wait_for(main.number, "gate_opened")
    main.say(words(ASK_HOURS))
    gateway.wait_for_words(main.number, "nine to five")
    main.say(words(ASK_ADDRESS))
    time.sleep(4.2)
    main.say(words(INTERRUPT))
    time.sleep(6)
    echo = call(gateway, "echo")
    gateway.wait_for(echo.number, "gate_opened")
    echo.say(words(ASK_HOURS))
    greeted = call(gateway, "long")
    gateway.wait_for(greeted.number, "greeting_started")
    main.say(words(ASK_HOURS))
    return main


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_view_has_its_picture(
    gateway: RunningGateway,
    busy: Caller,
    open_console: OpenConsole,
    folder: Path,
    scheme: str,
) -> None:
    call_id = gateway.call_of(busy.number)["call_id"]
    room_id = gateway.call_of(busy.number)["room_id"]
    desktop = open_console(viewport=DESKTOP, color_scheme=scheme, reduced_motion="reduce")
    desktop.wait_for_selector(".call-card")
    take(desktop, folder / f"calls-{scheme}.png")
    desktop.goto(f"{desktop.url.partition('#')[0]}#/calls/{call_id}")
    desktop.wait_for_selector(".time-greeting")
    take(desktop, folder / f"call-{scheme}.png")
    phone = open_console(viewport=PHONE, color_scheme=scheme, reduced_motion="reduce")
    phone.wait_for_selector(".call-card")
    take(phone, folder / f"phone-calls-{scheme}.png")
    address = phone.url.partition("#")[0]
    phone.goto(f"{address}#/calls/{call_id}")
    phone.wait_for_selector(".time-greeting")
    take(phone, folder / f"phone-call-{scheme}.png")
    until(
        lambda: gateway.get("/api/v1/outbox?status=dead_letters")[1]["messages"],
        20,
        "a dead letter",
    )
    for page, kind in ((desktop, ""), (phone, "phone-")):
        for name in ("rooms", "outbox", "agents", "health"):
            page.goto(f"{address}#/{name}")
            take(page, folder / f"{kind}{name}-{scheme}.png")
        page.goto(f"{address}#/rooms/{room_id}")
        take(page, folder / f"{kind}room-{scheme}.png")
    stranger = open_console(sign_in=False, viewport=DESKTOP, color_scheme=scheme)
    take(stranger, folder / f"sign-in-{scheme}.png")
