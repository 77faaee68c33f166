"""Takes pictures of every view with calls and messages in it; OFFHOOK_PICTURES names a folder to keep them in."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.console.conftest import SECRET, UNREACHABLE, OpenConsole, Program
from tests.interop.gateway.conftest import (
    ASK_ADDRESS,
    ASK_HOURS,
    FAQ,
    INTERRUPT,
    Call,
    WideWords,
)
from tests.interop.gateway.running_gateway import RunningGateway, until
from tests.interop.support.web_caller import WebCaller

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}
BYTES_MOST = 400_000

SETTINGS = f"""
[turns]
reprompt_after_s = 60
[agents.reception]
kind = "receptionist"
greeting = "Hello, this is the harbour clinic. How can I help you?"
{FAQ.format(name="reception")}
[agents.night]
kind = "receptionist"
greeting = "Good evening. The clinic is closed now, but I can take a message, or tell you when we are open."
early_speech = "barge_in"
{FAQ.format(name="night")}
[agents.echo]
kind = "echo"
[[numbers]]
number = "+4930555010"
agent = "reception"
[[numbers]]
number = "night"
agent = "night"
[[numbers]]
number = "echo"
agent = "echo"
[[numbers]]
number = "desk"
agent = "reception"
"""


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, cache: Path, program: Program
) -> Iterator[RunningGateway]:
    directory = tmp_path_factory.mktemp("clinic")
    (directory / "secret").write_text(SECRET)
    channel = f'[channels.webhook]\nurl = "{program.url}"\nsecret_file = "secret"\n'
    with RunningGateway(directory, cache, channel + SETTINGS) as gateway:
        yield gateway
    assert not gateway.troubles()


@pytest.fixture(scope="module")
def token(gateway: RunningGateway) -> str:
    return (gateway.data_dir / "api-token").read_text().strip()


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
def busy(
    gateway: RunningGateway, program: Program, call: Call, wide_words: WideWords
) -> Iterator[str]:
    """Messages, a call that is over, one with turns and an interruption, one at its question, one greeted."""
    program.write(gateway, "jonas@example.org", "When are you open?")
    program.write(gateway, UNREACHABLE, "Where are you?")
    with ExitStack() as stack:

        def browser_call(agent: str, subject: str, name: str) -> WebCaller:
            minted = gateway.mint(agent, subject, name=name)
            caller = WebCaller(gateway.web_url(agent), token=minted)
            return stack.enter_context(caller).call()

        over = call(gateway)
        gateway.wait_for(over.number, "gate_opened")
        gateway.get(
            f"/api/v1/calls/{gateway.call_of(over.number)['call_id']}/hangup", method="POST"
        )
        main = browser_call("reception", "+49301234567", "Ann Miller")
        gateway.wait_for("web:+49301234567", "gate_opened", 20)
        main.say(wide_words(ASK_HOURS))
        gateway.wait_for_words("web:+49301234567", "nine to five")
        main.say(wide_words(ASK_ADDRESS))
        time.sleep(4.2)
        main.say(wide_words(INTERRUPT))
        second = browser_call("reception", "+49307654321", "Jonas Weber")
        gateway.wait_for("web:+49307654321", "gate_opened", 20)
        second.say(wide_words(ASK_ADDRESS))
        time.sleep(2)
        second.say(wide_words(ASK_HOURS))
        greeted = call(gateway, "night")
        gateway.wait_for(greeted.number, "greeting_started")
        main.say(wide_words(ASK_HOURS))
        yield "web:+49301234567"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_view_has_its_picture(
    gateway: RunningGateway,
    busy: str,
    open_console: OpenConsole,
    folder: Path,
    scheme: str,
) -> None:
    record = gateway.call_of(busy)
    desktop = open_console(viewport=DESKTOP, color_scheme=scheme, reduced_motion="reduce")
    desktop.wait_for_selector(".call-card")
    take(desktop, folder / f"calls-{scheme}.png")
    address = desktop.url.partition("#")[0]
    desktop.goto(f"{address}#/calls/{record['call_id']}")
    desktop.wait_for_selector(".time-greeting")
    take(desktop, folder / f"call-{scheme}.png")
    phone = open_console(viewport=PHONE, color_scheme=scheme, reduced_motion="reduce")
    phone.wait_for_selector(".call-card")
    take(phone, folder / f"phone-calls-{scheme}.png")
    phone.goto(f"{address}#/calls/{record['call_id']}")
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
        page.goto(f"{address}#/rooms/{record['room_id']}")
        take(page, folder / f"{kind}room-{scheme}.png")
    stranger = open_console(sign_in=False, viewport=DESKTOP, color_scheme=scheme)
    take(stranger, folder / f"sign-in-{scheme}.png")
