"""The call page's files: all are used and served, and the page keeps to its own policy."""

import re
from html.parser import HTMLParser
from pathlib import Path

from gateway.http.webrtc import page

ROOT = Path(__file__).parents[3]
STATIC = ROOT / "webrtc" / "static"
MODULES = sorted(STATIC.glob("*.js"))


class _Page(HTMLParser):
    """Notes what a strict policy forbids, and what the page asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.forbidden: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.forbidden += [name for name in given if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.forbidden.append(tag)
        self.links += [value for name in ("src", "href") if (value := given.get(name))]


def test_page_has_nothing_inline_and_asks_only_for_files_that_are_there() -> None:
    parsed = _Page()
    parsed.feed((STATIC / "index.html").read_text())
    assert parsed.forbidden == []
    assert parsed.links
    for link in parsed.links:
        assert link.startswith("webrtc/static/"), "relative, so that a path before it does no harm"
        assert (STATIC / link.removeprefix("webrtc/static/")).is_file()


def test_no_module_is_without_use() -> None:
    entries = {"page.js", "widget.js", "capture_worklet.js"}
    imported = {
        target
        for path in MODULES
        for target in re.findall(r'(?:from|import)\s+"\./([^"]+)"', path.read_text())
    }
    assert {path.name for path in MODULES} == imported | entries


def _graph(name: str, found: set[str]) -> set[str]:
    """Return a module and all that it needs."""
    if name not in found:
        found.add(name)
        for target in re.findall(r'(?:from|import)\s+"\./([^"]+)"', (STATIC / name).read_text()):
            _graph(target, found)
    return found


def test_page_asks_for_all_modules_at_once_and_not_one_after_the_other() -> None:
    markup = (STATIC / "index.html").read_text()
    ahead = set(re.findall(r'modulepreload" href="webrtc/static/([^"]+)"', markup))
    assert ahead == _graph("page.js", set()) - {"page.js"}


def test_widget_asks_for_styles_that_are_there() -> None:
    names = re.search(r"STYLES = \[([^\]]+)\]", (STATIC / "widget.js").read_text())
    assert names is not None
    for name in re.findall(r'"([^"]+)"', names[1]):
        assert (STATIC / name).is_file()


def test_gateway_serves_every_file() -> None:
    served = page.read_files(STATIC)
    assert set(served) == {path.name for path in STATIC.iterdir() if path.is_file()}


def test_files_are_in_the_package() -> None:
    assert re.search(
        r'^webrtc = \["static/\*"\]$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE
    )
