"""A lost path: the page asks for an ICE restart, says so, and knows when there is nothing to come back to."""

from playwright.async_api import expect

from tests.browser.support.chromium import Chromium, call, until, wait_for_state
from tests.browser.support.far_end import FarEnd, Request


def _restarts(far_end: FarEnd) -> list[Request]:
    patches = [request for request in far_end.requests if request.method == "PATCH"]
    return [request for request in patches if request.headers.get("If-Match") == "*"]


async def _until_restarted(far_end: FarEnd, bound_s: float) -> Request:
    await until(lambda: _restarts(far_end), bound_s)
    return _restarts(far_end)[0]


async def test_candidates_are_trickled_with_the_etag(far_end: FarEnd, chromium: Chromium) -> None:
    opened = await chromium.open(far_end.url)
    await call(opened)
    await until(lambda: len(far_end.requests) >= 2)
    offer, patch = far_end.requests[:2]
    assert (patch.method, patch.headers["If-Match"]) == ("PATCH", '"first"')
    assert patch.headers["Content-Type"] == "application/trickle-ice-sdpfrag"
    ufrag = next(line for line in offer.body.splitlines() if line.startswith("a=ice-ufrag:"))
    lines = patch.body.splitlines()
    assert lines[0] == ufrag
    assert any(line.startswith("a=candidate:") for line in lines)


async def test_another_network_restarts_ice_with_new_credentials(
    far_end: FarEnd, chromium: Chromium
) -> None:
    opened = await chromium.open(far_end.url)
    await call(opened)
    await opened.evaluate("dispatchEvent(new Event('online'))")
    restart = await _until_restarted(far_end, 3)
    before, after = (
        next(line for line in request.body.splitlines() if line.startswith("a=ice-ufrag:"))
        for request in (far_end.requests[0], restart)
    )
    assert before != after
    assert "a=candidate:" in restart.body
    await expect(opened.locator(".panel")).to_have_attribute("data-state", "in_call")
    assert chromium.complaints == []


async def test_a_lost_transport_is_looked_for_until_there_is_no_hope(
    far_end: FarEnd, chromium: Chromium
) -> None:
    far_end.settings["grace_s"] = 4.0
    opened = await chromium.open(far_end.url)
    await call(opened)
    await far_end.drop()
    await wait_for_state(opened, "reconnecting", timeout_s=12)
    await expect(opened.get_by_role("status").first).to_contain_text("Reconnecting")
    await _until_restarted(far_end, 5)
    await wait_for_state(opened, "failed", timeout_s=10)
    await expect(opened.locator(".notice")).to_contain_text("The connection was lost")


async def test_a_call_that_is_over_at_the_gateway_is_not_looked_for(
    far_end: FarEnd, chromium: Chromium
) -> None:
    opened = await chromium.open(far_end.url)
    await call(opened)
    far_end.forget_call()
    await far_end.drop()
    await wait_for_state(opened, "failed", timeout_s=12)
    await expect(opened.locator(".notice")).to_contain_text("The call has ended")
