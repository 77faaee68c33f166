"""A call on the page: heard, shown, keys, text, mute, its end, and what is said when it fails."""

import asyncio

import numpy as np
from playwright.async_api import expect

from tests.browser.support.chromium import Chromium, call, until, wait_for_state
from tests.browser.support.far_end import FarEnd


async def test_transcript_shows_both_sides_and_interim_words(
    far_end: FarEnd, chromium: Chromium
) -> None:
    opened = await chromium.open(far_end.url)
    await call(opened)
    await far_end.opened.wait()
    far_end.say(type="state", state="greeting")
    await expect(opened.get_by_role("status").first).to_have_text("Greeting you")
    far_end.say(type="line", id=1, who="agent", text="Good morning.", final=True)
    far_end.say(type="line", id=2, who="caller", text="I would", final=False)
    interim = opened.locator(".line.by-caller")
    await expect(interim.locator(".words")).to_have_text("I would")
    await expect(interim).to_have_class("line by-caller is-interim")
    far_end.say(type="line", id=2, who="caller", text="I would like <b>tea</b>", final=True)
    await expect(interim.locator(".words")).to_have_text("I would like <b>tea</b>")
    await expect(interim).to_have_class("line by-caller")
    far_end.say(type="line", id=3, who="agent", text="Of which kind", final=False)
    await expect(opened.locator(".line")).to_have_count(3)
    far_end.say(type="line", id=3, who="agent", text="", final=True, interrupted=True)
    await expect(opened.locator(".line")).to_have_count(2)
    far_end.say(type="line", id=1, who="agent", text="Good", final=True, interrupted=True)
    await expect(opened.locator(".line.by-agent .line-note")).to_have_text("interrupted")
    assert chromium.complaints == []


async def test_keys_by_mouse_and_keyboard_and_typed_words(
    far_end: FarEnd, chromium: Chromium
) -> None:
    opened = await chromium.open(far_end.url)
    await call(opened)
    await far_end.opened.wait()
    await opened.get_by_role("button", name="Keypad").click()
    await opened.get_by_role("button", name="hash").click()
    await opened.keyboard.press("4")
    await expect(opened.get_by_label("Keys pressed")).to_have_text("#4")
    await opened.keyboard.press("Escape")
    await expect(opened.get_by_role("button", name="Keypad")).to_be_focused()
    # Digits that are typed are words, not keys.
    box = opened.get_by_role("textbox", name="Message")
    await box.fill("table for 2")
    await box.press("Enter")
    await expect(box).to_have_value("")
    await expect(opened.locator(".line.by-caller .words")).to_have_text("table for 2")
    await until(lambda: len(far_end.of_type("text")) == 1)
    await expect(opened.locator(".line-note")).to_have_text("sending")
    name = far_end.of_type("text")[0]["id"]
    far_end.say(type="line", id=name, who="caller", text="table for 2", final=True)
    await expect(opened.locator(".line-note")).to_have_text("typed")
    assert [message["digit"] for message in far_end.of_type("dtmf")] == ["#", "4"]
    assert far_end.of_type("text")[0]["text"] == "table for 2"


async def test_mute_silences_the_track_and_says_so(far_end: FarEnd, chromium: Chromium) -> None:
    opened = await chromium.open(far_end.url)
    await call(opened)
    await until(lambda: np.abs(far_end.heard_pcm()).max(initial=0) > 300)
    mute = opened.get_by_role("button", name="Mute microphone")
    await mute.click()
    await expect(mute).to_have_attribute("aria-pressed", "true")
    await expect(opened.get_by_role("status").first).to_have_text("You are muted")
    await asyncio.sleep(0.5)
    far_end.heard.clear()
    await until(lambda: sum(map(len, far_end.heard)) > 8000)
    assert np.abs(far_end.heard_pcm()).max() <= 2
    await mute.click()
    await until(lambda: np.abs(far_end.heard_pcm()).max() > 300)


async def test_another_microphone_in_the_middle_of_a_call(
    far_end: FarEnd, chromium: Chromium
) -> None:
    opened = await chromium.open(far_end.url)
    await call(opened)
    await until(lambda: np.abs(far_end.heard_pcm()).max(initial=0) > 300)
    await opened.get_by_role("button", name="Devices").click()
    select = opened.get_by_role("combobox", name="Microphone")
    await expect(select).to_be_focused()
    await expect(select.locator("option")).not_to_have_count(1)
    await select.select_option(index=2)
    await asyncio.sleep(0.5)
    far_end.heard.clear()
    await until(lambda: np.abs(far_end.heard_pcm()).max(initial=0) > 300)
    assert chromium.complaints == []


async def test_hanging_up_by_keyboard_ends_it_at_the_gateway_and_keeps_the_transcript(
    far_end: FarEnd, chromium: Chromium
) -> None:
    opened = await chromium.open(far_end.url)
    await opened.get_by_role("button", name="Call", exact=True).focus()
    await opened.keyboard.press("Enter")
    await wait_for_state(opened, "in_call")
    await far_end.opened.wait()
    far_end.say(type="line", id=1, who="agent", text="Good morning.", final=False)
    await expect(opened.locator(".line")).to_have_count(1)
    await expect(opened.get_by_role("button", name="Hang up")).to_be_focused()
    await opened.keyboard.press("Enter")
    await wait_for_state(opened, "ended")
    await asyncio.wait_for(far_end.deleted.wait(), 3)
    await until(lambda: len(far_end.of_type("hangup")) == 1)
    await expect(opened.get_by_role("button", name="Call again")).to_be_focused()
    await expect(opened.locator(".line:not(.is-interim)")).to_have_count(1)
    await call(opened)
    await expect(opened.locator(".line")).to_have_count(0)
    assert chromium.complaints == []


async def test_hanging_up_while_it_rings_gives_the_offer_up(
    far_end: FarEnd, chromium: Chromium
) -> None:
    far_end.answer_after_s = 30
    opened = await chromium.open(far_end.url)
    await call(opened, until="ringing")
    await opened.get_by_role("button", name="Hang up").click()
    await wait_for_state(opened, "ended")
    assert chromium.complaints == []


async def test_closing_the_tab_hangs_up(far_end: FarEnd, chromium: Chromium) -> None:
    opened = await chromium.open(far_end.url)
    await call(opened)
    await opened.close()
    await asyncio.wait_for(far_end.deleted.wait(), 3)


async def test_the_gateway_hangs_up(far_end: FarEnd, chromium: Chromium) -> None:
    opened = await chromium.open(far_end.url)
    await call(opened)
    await far_end.opened.wait()
    far_end.say(type="ended", cause="agent_hung_up")
    await wait_for_state(opened, "ended")
    await expect(opened.locator(".notice")).to_have_count(0)
    assert all(request.method != "DELETE" for request in far_end.requests)


async def test_a_fault_of_ours_is_told_as_one(far_end: FarEnd, chromium: Chromium) -> None:
    opened = await chromium.open(far_end.url)
    await call(opened)
    await far_end.opened.wait()
    far_end.say(type="ended", cause="worker_lost")
    await wait_for_state(opened, "failed")
    await expect(opened.locator(".notice")).to_contain_text("The call was cut off")


REFUSALS = (
    (503, "webrtc.full", {"Retry-After": "30"}, "try again in 30 seconds"),
    (503, "webrtc.not_ready", {"Retry-After": "5"}, "No calls are taken right now"),
    (401, "token.expired", {}, "This invitation has expired"),
    (401, "token.replayed", {}, "already used"),
    (403, "webrtc.origin", {}, "not allowed"),
    (404, "agent.not_found", {}, "nobody at this number"),
    (429, "http.too_many_requests", {"Retry-After": "60"}, "Too many calls"),
    (400, "sdp.malformed", {}, "could not agree"),
    (500, "http.internal", {}, "at our end"),
)


async def test_a_refused_offer_has_clear_words_and_can_be_tried_again(
    far_end: FarEnd, chromium: Chromium
) -> None:
    opened = await chromium.open(far_end.url)
    for status, code, headers, words in REFUSALS:
        far_end.refusal = (status, code, headers)
        await call(opened, until="failed")
        await expect(opened.locator(".notice")).to_contain_text(words)
        await expect(opened.get_by_role("button", name="Call again")).to_be_focused()
    far_end.refusal = None
    await call(opened)
    await expect(opened.locator(".notice")).to_have_count(0)
    assert chromium.complaints == []


async def test_a_gateway_that_is_gone_has_clear_words(far_end: FarEnd, chromium: Chromium) -> None:
    opened = await chromium.open(far_end.url)
    await opened.context.set_offline(True)
    await call(opened, until="failed")
    await expect(opened.locator(".notice")).to_contain_text("Check your internet connection")


async def test_without_a_microphone_one_listens_and_types(
    far_end: FarEnd, refusing_chromium: Chromium
) -> None:
    opened = await refusing_chromium.open(far_end.url)
    await call(opened)
    await expect(opened.locator(".notice")).to_contain_text("You can listen and type")
    await expect(opened.get_by_role("button", name="Mute microphone")).to_be_disabled()
    box = opened.get_by_role("textbox", name="Message")
    await box.fill("hello")
    await box.press("Enter")
    await until(lambda: len(far_end.of_type("text")) == 1)
    assert far_end.early == []
    await opened.get_by_role("button", name="Try again").click()
    await expect(opened.locator(".notice")).to_contain_text("Your microphone is blocked")
    assert refusing_chromium.complaints == []
