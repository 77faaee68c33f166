"""Tokens on the page: taken out of the address, good for one call; whom the page offers to call."""

from playwright.async_api import expect

from tests.browser.support.chromium import Chromium, call, wait_for_state
from tests.browser.support.far_end import FarEnd


async def test_a_token_leaves_the_address_and_is_good_for_one_call(
    far_end: FarEnd, chromium: Chromium
) -> None:
    opened = await chromium.open(far_end.url + "?agent=front_desk#token=secret")
    assert "secret" not in opened.url
    await expect(opened.get_by_role("heading", name="Front desk")).to_be_visible()
    await call(opened)
    assert far_end.requests[0].headers["Authorization"] == "Bearer secret"
    assert far_end.requests[0].query["agent"] == "front_desk"
    await opened.get_by_role("button", name="Hang up").click()
    await wait_for_state(opened, "ended")
    await call(opened, until="failed")
    await expect(opened.locator(".notice")).to_contain_text("already used")
    assert sum(request.method == "POST" for request in far_end.requests) == 1


async def test_a_token_of_which_no_call_came_can_be_tried_again(
    far_end: FarEnd, chromium: Chromium
) -> None:
    opened = await chromium.open(far_end.url + "?agent=front_desk#token=secret")
    far_end.refusal = (503, "webrtc.full", {"Retry-After": "1"})
    await call(opened, until="failed")
    await expect(opened.locator(".notice")).to_contain_text("try again")
    far_end.refusal = None
    await call(opened)
    offers = [request for request in far_end.requests if request.method == "POST"]
    assert [request.headers["Authorization"] for request in offers] == ["Bearer secret"] * 2


async def test_who_needs_an_invitation_is_told_before_the_call(
    far_end: FarEnd, chromium: Chromium
) -> None:
    far_end.settings |= {"agents": [], "token_needed": True}
    opened = await chromium.open(far_end.url)
    await expect(opened.locator(".notice")).to_contain_text("You need an invitation to call")


async def test_one_of_several_agents_is_chosen(far_end: FarEnd, chromium: Chromium) -> None:
    far_end.settings["agents"] = ["front_desk", "night_shift"]
    opened = await chromium.open(far_end.url)
    await opened.get_by_label("Whom to call").select_option("night_shift")
    await expect(opened.get_by_role("heading", name="Night shift")).to_be_visible()
    await call(opened)
    assert far_end.requests[0].query["agent"] == "night_shift"
    await expect(opened.get_by_label("Whom to call")).to_be_disabled()
