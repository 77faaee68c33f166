"""The widget on somebody else's page: one tag, its own origin, its own styles, a token for each call."""

import pytest
from playwright.async_api import expect

from tests.browser.support.chromium import Chromium, call, wait_for_state
from tests.browser.support.far_end import FarEnd

PAGE = """<!doctype html><html lang="en"><head><title>Somebody else's</title>
<style>button {{ background: red !important; font-size: 40px }} * {{ color: brown }}</style></head>
<body><h1>Somebody else's page</h1><script type="module"
 src="http://127.0.0.1:{port}/webrtc/static/widget.js" data-agent="front_desk" data-token-url="/token"
 data-label="Talk to us" data-title="Front desk"></script></body></html>"""


@pytest.fixture(autouse=True)
def _foreign(far_end: FarEnd) -> None:
    # The page is at "localhost", the gateway at "127.0.0.1": two origins.
    far_end.foreign_page = PAGE.format(port=far_end.port)


async def test_two_calls_from_another_origin_with_a_token_each(
    far_end: FarEnd, chromium: Chromium
) -> None:
    opened = await chromium.open(far_end.url + "elsewhere")
    await opened.get_by_role("button", name="Talk to us").click()
    await expect(opened.get_by_role("dialog", name="Call Front desk")).to_be_visible()
    await expect(opened.get_by_role("button", name="Call", exact=True)).to_be_focused()
    await call(opened)
    await far_end.opened.wait()
    far_end.say(type="line", id=1, who="agent", text="Good morning.", final=True)
    await expect(opened.locator(".line .words")).to_have_text("Good morning.")
    assert far_end.early, "instant connect works across origins"
    await opened.get_by_role("button", name="Hang up").click()
    await wait_for_state(opened, "ended")
    await call(opened)
    offers = [request for request in far_end.requests if request.query.get("agent")]
    assert [offer.headers["Authorization"] for offer in offers] == [
        "Bearer token-1",
        "Bearer token-2",
    ]
    assert chromium.complaints == []


async def test_a_call_goes_on_when_the_window_is_closed(
    far_end: FarEnd, chromium: Chromium
) -> None:
    opened = await chromium.open(far_end.url + "elsewhere")
    await opened.get_by_role("button", name="Talk to us").click()
    await call(opened)
    await opened.keyboard.press("Escape")
    await expect(opened.get_by_role("dialog")).to_be_hidden()
    launcher = opened.get_by_role("button", name="On a call")
    await expect(launcher).to_be_focused()
    assert not far_end.deleted.is_set()
    await launcher.click()
    await expect(opened.get_by_role("button", name="Hang up")).to_be_focused()


async def test_styles_stay_on_their_side(far_end: FarEnd, chromium: Chromium) -> None:
    opened = await chromium.open(far_end.url + "elsewhere")
    launcher = opened.get_by_role("button", name="Talk to us")
    await expect(launcher).to_have_css("font-size", "16px")
    await expect(launcher).not_to_have_css("background-color", "rgb(255, 0, 0)")
    await expect(opened.get_by_role("heading", name="Somebody")).to_have_css(
        "color", "rgb(165, 42, 42)"
    )
