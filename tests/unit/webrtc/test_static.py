"""The call page's files: its modules pass node's tests, and nothing in it breaks the page's own policy."""

import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gateway.http.webrtc import page

ROOT = Path(__file__).parents[3]
STATIC = ROOT / "webrtc" / "static"
MODULES = sorted(STATIC.glob("*.js"))
STYLES = sorted(STATIC.glob("*.css"))
NODE_TESTS = sorted((Path(__file__).parent / "static").glob("*.test.mjs"))
LONGEST_FILE = 400


@pytest.mark.parametrize("path", NODE_TESTS, ids=lambda path: path.name.removesuffix(".test.mjs"))
def test_modules_in_node(path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        if os.environ.get("REQUIRE_INTEROP"):
            pytest.fail("node is not installed")
        pytest.skip("node is not installed")
    done = subprocess.run(
        [node, "--test", str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


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


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_module_imports_only_files_beside_it_and_writes_no_markup(path: Path) -> None:
    text = path.read_text()
    for target in re.findall(r'(?:from|import)\s+"([^"]+)"', text):
        assert target.startswith("./")
        assert (STATIC / target).is_file(), target
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text)
    assert text.startswith("/**"), "a module says first what it is for"


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
def test_style_asks_for_nothing_from_elsewhere(path: Path) -> None:
    assert not re.search(r"@import|url\(", path.read_text())


@pytest.mark.parametrize("path", [*MODULES, *STYLES], ids=lambda path: path.name)
def test_files_are_of_one_concept(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_FILE


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
