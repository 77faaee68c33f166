"""An operator at the console of a real gateway with real calls: what is seen, done, and not seen."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.console.conftest import UNREACHABLE, OpenConsole, Program
from tests.browser.page.test_appearance import ENOUGH_CONTRAST, LOW_CONTRAST, NAMELESS, OUTSIDE
from tests.interop.gateway.conftest import ASK_HOURS, GREETING, HOURS, Call, StartGateway, Words
from tests.interop.gateway.running_gateway import RunningGateway, until

VIEWS = ("calls", "rooms", "outbox", "agents", "health")
SPEAKING = "[data-speaker=caller], [data-speaker=both]"


def visit(page: Page, fragment: str) -> None:
    page.goto(f"{page.url.partition('#')[0]}#/{fragment}")


def test_only_a_token_lets_in_and_signing_out_shuts_the_door(
    open_console: OpenConsole, token: str
) -> None:
    page = open_console(sign_in=False)
    page.fill("#token", "w" * 40)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("That is not a token of this gateway.")
    assert page.locator("nav").count() == 0

    page.fill("#token", token)
    page.keyboard.press("Enter")
    page.wait_for_selector("nav")
    assert token not in page.content()
    assert page.evaluate("document.cookie") == ""
    assert (
        page.evaluate("Object.keys(localStorage).length + Object.keys(sessionStorage).length") == 0
    )

    page.reload()
    page.wait_for_selector("nav")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_selector(".sign-in-form")
    page.reload()
    page.wait_for_selector(".sign-in-form")


def test_a_call_is_seen_from_its_greeting_to_its_end(
    gateway: RunningGateway, call: Call, words: Words, open_console: OpenConsole
) -> None:
    page = open_console()
    caller = call(gateway)
    card = page.locator(".call-card").first
    expect(card).to_be_visible()
    expect(card.locator(".gate")).to_have_text("Gate closed")
    expect(card.locator(".card-name")).to_contain_text(f"••{caller.number[-2:]}")
    assert caller.number not in page.content()

    card.locator(".card-link").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".line.by-agent .line-words").first).to_have_text(GREETING)
    expect(page.locator(".time-opening")).to_be_attached()
    expect(page.locator(".call-status .pill")).to_have_text("In conversation")
    caller.say(words(ASK_HOURS))
    page.wait_for_selector(SPEAKING)
    expect(page.locator(".line.by-person .line-words").last).to_contain_text("open")
    expect(page.locator(".line.by-agent .line-words", has_text="nine to five")).to_be_visible()
    expect(page.locator(".time-gap")).not_to_have_count(0)
    expect(page.locator(".latency-words")).to_contain_text("median")
    page.wait_for_selector(".score-value")
    assert re.search(r"Answered in \d", page.locator(".time-marks").get_attribute("aria-label"))
    assert drawn(page) > 200

    page.locator(".call-name .number").click()
    expect(page.locator(".call-name")).to_contain_text(caller.number)

    page.get_by_role("button", name="Hang up").click()
    page.get_by_role("button", name="End this call?").click()
    record = gateway.wait_until_ended(caller.number)
    assert record["cause"] == "operator_hung_up"
    expect(page.locator(".call-status .pill")).to_have_text("Operator hung up")
    expect(page.get_by_role("button", name="Hang up")).to_be_hidden()
    # Its sound is kept for a while.
    page.reload()
    page.wait_for_selector(".time-greeting")
    page.wait_for_timeout(500)
    assert drawn(page) > 200
    visit(page, "calls")
    row = page.locator("tbody tr").first
    expect(row).to_contain_text("Operator hung up")


def drawn(page: Page) -> int:
    """Return how many points of the waveform have a colour of one of the two sides."""
    return page.evaluate(
        """() => {
          const canvas = document.querySelector(".time-wave");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          let found = 0;
          for (let at = 0; at < data.length; at += 4) {
            const [r, g, b, a] = data.slice(at, at + 4);
            if (a > 200 && Math.max(r, g, b) - Math.min(r, g, b) > 40) found += 1;
          }
          return found;
        }"""
    )


def test_written_conversations_are_seen_and_dead_letters_are_sent_again(
    gateway: RunningGateway, program: Program, open_console: OpenConsole
) -> None:
    page = open_console("#/outbox")
    page.wait_for_selector(".tab")
    program.write(gateway, UNREACHABLE, "When are you open?")
    # Nobody reloads: the events tell.
    failed = page.locator(".letter", has_text="Failed").first
    expect(failed).to_be_visible()
    page.get_by_role("button", name="Dead letters").click()
    failed.locator("summary").click()
    expect(failed.locator(".attempt").first).to_contain_text("http_422")
    tries = failed.locator(".attempt").count()
    failed.get_by_role("button", name="Send again").click()
    expect(failed.locator(".attempt")).to_have_count(tries + 1)

    program.write(gateway, "ann@example.org", "Where are you?")
    until(lambda: any("web site" in m["text"] for m in program.taken), 15, "the answer")
    visit(page, "rooms")
    room = page.locator(".room-item", has_text="a•••@example.org").first
    room.locator(".card-link").click()
    expect(page.locator(".line.by-person", has_text="Where are you?").last).to_be_visible()
    expect(page.locator(".line.by-agent", has_text="web site").last).to_be_visible()
    program.write(gateway, "ann@example.org", "And when are you open?")
    expect(page.locator(".line.by-person", has_text="And when").last).to_be_visible()
    expect(page.locator(".line.by-agent", has_text="nine to five").last).to_be_visible()

    box = page.get_by_label("Your message")
    box.fill("A colleague calls you at ten.")
    box.press("Control+Enter")
    line = page.locator(".line.by-agent", has_text="A colleague calls you at ten.")
    expect(line).to_be_visible()
    expect(line.locator(".line-who")).to_have_text("Operator")
    expect(box).to_have_value("")
    until(lambda: any("at ten" in m["text"] for m in program.taken), 15, "the operator's message")
    page.get_by_label("Channel").select_option("voice")
    box.fill("Hello?")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".reply .form-problem")).to_have_text("no call goes on in this room")


def test_what_the_operator_writes_is_said_in_a_running_call(
    gateway: RunningGateway, call: Call, open_console: OpenConsole
) -> None:
    caller = call(gateway)
    record = gateway.wait_for(caller.number, "gate_opened")
    page = open_console(f"#/rooms/{record['room_id']}")
    expect(page.locator(".room-item[data-open=true] .live-dot")).to_have_text("On a call")

    page.get_by_label("Your message").fill(HOURS)
    page.get_by_role("button", name="Send").click()

    expect(page.locator(".toast")).to_have_text("The agent says it in the call")
    gateway.wait_for_words(caller.number, "nine to five")
    line = page.locator(".line.by-agent", has_text="nine to five")
    expect(line.locator(".line-who")).to_have_text("Operator")


def test_a_gateway_that_starts_anew_is_noticed(own_gateway: StartGateway, browser: Browser) -> None:
    gateway = own_gateway()
    token = (gateway.data_dir / "api-token").read_text().strip()
    page = browser.new_page()
    page.set_default_timeout(15_000)
    page.goto(f"http://127.0.0.1:{gateway.http_port}/console")
    page.fill("#token", token)
    page.keyboard.press("Enter")
    connection = page.locator(".connection-words")
    expect(connection).to_have_text("Live")

    gateway.stop()
    expect(connection).to_have_text("Reconnecting")
    gateway.start()

    # Who was signed in is known to a running gateway only.
    page.wait_for_selector(".sign-in-form")
    page.fill("#token", token)
    page.keyboard.press("Enter")
    expect(connection).to_have_text("Live")
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_words_can_be_read_and_all_controls_have_names(
    gateway: RunningGateway, call: Call, open_console: OpenConsole, scheme: str
) -> None:
    caller = call(gateway)
    call_id = gateway.wait_for(caller.number, "greeting_played")["call_id"]
    page = open_console(color_scheme=scheme, reduced_motion="reduce")
    for fragment in (*VIEWS, f"calls/{call_id}"):
        visit(page, fragment)
        page.wait_for_timeout(600)
        page.mouse.move(2, 2)
        faint = [
            item
            for item in page.evaluate(LOW_CONTRAST, ENOUGH_CONTRAST)
            if not item.startswith(("face", "empty-face"))
        ]
        assert faint == [], fragment
        assert page.evaluate(NAMELESS) == [], fragment
        assert page.locator("h1").count() == 1, fragment


@pytest.mark.parametrize("size", [(320, 568), (360, 740), (768, 1024), (1280, 720)])
def test_everything_fits(
    gateway: RunningGateway, call: Call, open_console: OpenConsole, size: tuple[int, int]
) -> None:
    caller = call(gateway)
    record = gateway.wait_for(caller.number, "greeting_played")
    page = open_console(viewport={"width": size[0], "height": size[1]})
    for fragment in (*VIEWS, f"calls/{record['call_id']}", f"rooms/{record['room_id']}"):
        visit(page, fragment)
        page.wait_for_timeout(500)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= size[0], f"{fragment}: {wide}"
        inside = [
            name
            for name in page.evaluate(OUTSIDE)
            # What scrolls by itself may be wider than the screen.
            if name not in ("row-link", "tab", "tab-count", "number is-masked", "pill")
        ]
        assert inside == [], fragment


def test_the_keyboard_reaches_everything(open_console: OpenConsole) -> None:
    page = open_console()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    seen = []
    for _ in range(9):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.textContent.trim()"))
    for title in ("Calls", "Rooms", "Outbox", "Agents", "Health"):
        assert any(text.startswith(title) for text in seen), seen
    assert "Sign out" in seen
