"""The console's files: its modules pass node's tests, and nothing in them breaks the page's own policy."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.http.console import page
from gateway.sessions.gate import OpenReason
from gateway.sessions.state import SessionState

FOLDER = page.folder()
MODULES = sorted(FOLDER.glob("*.js"))
STYLES = sorted(FOLDER.glob("*.css"))
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


def test_the_page_has_nothing_inline_and_asks_only_for_files_that_are_served() -> None:
    served = page.read_files(FOLDER)
    markup = served[page.PAGE].body.decode()

    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", markup)
    links = re.findall(r'(?:src|href)="([^"]*)"', markup)
    assert links
    # Relative, so that a path before it does no harm.
    assert set(links) <= {f"console/static/{name}" for name in served}


def test_every_module_is_used() -> None:
    named = set(re.findall(r'"\./([^"]+)"', "".join(path.read_text() for path in MODULES)))

    assert {path.name for path in MODULES} - named == {"app.js"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_module_imports_only_files_beside_it_and_writes_no_markup(path: Path) -> None:
    text = path.read_text()
    for target in re.findall(r'(?:from|import)\s+"([^"]+)"', text):
        assert target.startswith("./")
        assert (FOLDER / target).is_file(), target
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text)
    assert text.startswith("/**"), "a module says first what it is for"


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
def test_style_asks_for_nothing_from_elsewhere(path: Path) -> None:
    assert not re.search(r"@import|url\(", path.read_text())


@pytest.mark.parametrize("path", [*MODULES, *STYLES], ids=lambda path: path.name)
def test_files_are_of_one_concept(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_FILE


def test_every_state_and_every_reason_of_a_gate_has_words() -> None:
    known = (FOLDER / "call_words.js").read_text()

    for name in (*SessionState, *OpenReason):
        assert re.search(rf"\b{name.value}: \"", known), name
