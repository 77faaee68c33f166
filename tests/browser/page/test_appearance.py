"""What can be measured of how it looks: nothing overflows, nothing is too faint to read, nothing moves."""

import pytest

from tests.browser.support.chromium import Chromium, call
from tests.browser.support.far_end import FarEnd

ENOUGH_CONTRAST = 4.5
"""WCAG 2.2 success criterion 1.4.3 for text of ordinary size."""

LOW_CONTRAST = """(enough) => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].reduce((sum, channel, index) => {
    const part = channel / 255;
    const linear = part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    return sum + linear * [0.2126, 0.7152, 0.0722][index];
  }, 0);
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const found = channels(getComputedStyle(at).backgroundColor);
      if (found.length < 4 || found[3] > 0.9) return found;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const node of document.querySelectorAll("p, h1, h2, span, button, input, li")) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    const box = node.getBoundingClientRect();
    if (!own || box.width < 2 || node.closest("[hidden], :disabled, .orb, .hidden-words")) continue;
    const [a, b] = [channels(getComputedStyle(node).color), ground(node)].map(luminance);
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < enough) faint.push(`${node.className}: ${contrast.toFixed(2)}`);
  }
  return faint;
}"""


OUTSIDE = """() => [...document.querySelectorAll("button, input, select, p, h2")]
  .filter((node) => !node.closest("[hidden]"))
  .filter((node) => {
    const { left, right, width } = node.getBoundingClientRect();
    return width > 0 && (left < 0 || right > innerWidth);
  }).map((node) => node.className)"""

NAMELESS = """() => [...document.querySelectorAll("button, input, select")]
  .filter((node) => !node.getAttribute("aria-label") && !node.textContent.trim()
    && !node.closest("label"))
  .map((node) => node.outerHTML)"""


async def _say_something(far_end: FarEnd) -> None:
    await far_end.opened.wait()
    far_end.say(type="line", id=1, who="agent", text="Good morning.", final=True, interrupted=True)
    far_end.say(type="line", id=2, who="caller", text="A table, please.", final=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_all_words_can_be_read(far_end: FarEnd, chromium: Chromium, scheme: str) -> None:
    opened = await chromium.open(far_end.url, color_scheme=scheme, reduced_motion="reduce")
    assert await opened.evaluate(LOW_CONTRAST, ENOUGH_CONTRAST) == []
    await call(opened)
    await _say_something(far_end)
    await opened.get_by_role("button", name="Keypad").click()
    await opened.wait_for_selector(".line.by-caller")
    await opened.mouse.move(5, 5)
    assert await opened.evaluate(LOW_CONTRAST, ENOUGH_CONTRAST) == []
    assert await opened.evaluate(NAMELESS) == []


@pytest.mark.parametrize("size", [(320, 568), (360, 740), (768, 1024), (1280, 720), (844, 390)])
async def test_everything_fits(far_end: FarEnd, chromium: Chromium, size: tuple[int, int]) -> None:
    width, height = size
    opened = await chromium.open(far_end.url, viewport={"width": width, "height": height})
    assert await opened.evaluate(OUTSIDE) == []
    await call(opened)
    await _say_something(far_end)
    await opened.get_by_role("button", name="Keypad").click()
    assert await opened.evaluate(OUTSIDE) == []
    assert await opened.evaluate("document.documentElement.scrollWidth") <= width
    for name in ("Hang up", "hash"):
        button = opened.get_by_role("button", name=name)
        await button.scroll_into_view_if_needed()
        box = await button.bounding_box()
        assert box is not None
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= height + 1


async def test_reduced_motion_moves_nothing(far_end: FarEnd, chromium: Chromium) -> None:
    far_end.answer_after_s = 30
    opened = await chromium.open(far_end.url, reduced_motion="reduce")
    await call(opened, until="ringing")
    assert await opened.evaluate("document.getAnimations().length") == 0


@pytest.mark.parametrize("size", [(1000, 680), (1280, 720), (390, 800)])
async def test_a_notice_leaves_room_for_the_controls(
    far_end: FarEnd, refusing_chromium: Chromium, size: tuple[int, int]
) -> None:
    width, height = size
    opened = await refusing_chromium.open(
        far_end.url, viewport={"width": width, "height": height}, reduced_motion="reduce"
    )
    await opened.get_by_role("button", name="Call").first.click()
    await opened.wait_for_selector(".notice")
    hang_up = opened.get_by_role("button", name="Hang up")
    await hang_up.wait_for()
    # Both in one look, as soon as the page has come to rest.
    handle = await hang_up.element_handle()
    await opened.wait_for_function(
        """button => button.getBoundingClientRect().bottom <=
            document.querySelector(".panel").getBoundingClientRect().bottom""",
        arg=handle,
        timeout=5_000,
    )
