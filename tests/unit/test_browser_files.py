"""What all pages of ours have in common: modules that pass their tests in node, and nothing that our policy forbids."""

import re
import shutil
import subprocess
from pathlib import Path

import playwright
import pytest

from gateway.http.console import page as console

ROOT = Path(__file__).parents[2]
FOLDERS = (console.folder(), ROOT / "webrtc" / "static")
MODULES = [path for folder in FOLDERS for path in sorted(folder.glob("*.js"))]
STYLES = [path for folder in FOLDERS for path in sorted(folder.glob("*.css"))]
NODE_TESTS = sorted(Path(__file__).parent.glob("*/static/*.test.mjs"))
LONGEST_FILE = 400


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", NODE_TESTS, ids=name)
def test_modules_in_node(path: Path) -> None:
    # Playwright brings a node of its own, so that none need be installed.
    node = shutil.which("node") or Path(playwright.__file__).parent / "driver" / "node"

    done = subprocess.run(
        [node, "--test", str(path)], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_both_pages_have_modules_styles_and_tests() -> None:
    for folder in FOLDERS:
        assert any(path.parent == folder for path in MODULES)
        assert any(path.parent == folder for path in STYLES)
    assert {path.parts[-3] for path in NODE_TESTS} == {"console", "webrtc"}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_module_imports_only_files_beside_it_and_writes_no_markup(path: Path) -> None:
    text = path.read_text()
    for target in re.findall(r'(?:from|import)\s+"([^"]+)"', text):
        assert target.startswith("./")
        assert (path.parent / target).is_file(), target
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text)
    assert text.startswith("/**"), "a module says first what it is for"


@pytest.mark.parametrize("path", STYLES, ids=name)
def test_style_asks_for_nothing_from_elsewhere(path: Path) -> None:
    assert not re.search(r"@import|url\(", path.read_text())


@pytest.mark.parametrize("path", [*MODULES, *STYLES], ids=name)
def test_files_are_of_one_concept(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_FILE
