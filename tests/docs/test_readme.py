"""What README and pages show is true: configurations load, commands exist, links lead somewhere."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from gateway import cli
from gateway.config import file as config_file

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}
BLOCKS = [
    found
    for text in TEXTS.values()
    for found in re.findall(r"^ *```(\w+)\n(.*?)^ *```", text, flags=re.MULTILINE | re.DOTALL)
]
TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def blocks(*languages: str) -> list[str]:
    return [text for language, text in BLOCKS if language in languages]


def commands(program: str) -> list[str]:
    """Every line of a console or shell block that runs `program`, without what it prints."""
    found = []
    for text in blocks("console", "sh", "bash", "shell"):
        for line in text.splitlines():
            bare = re.sub(r"^[$#] ", "", line.strip()).partition("  #")[0].strip()
            if Path(bare.split(" ")[0]).name == program:
                found.append(bare)
    return found


@pytest.mark.parametrize("text", blocks("toml"))
def test_a_configuration_that_is_shown_loads(text, tmp_path):
    for name in re.findall(r'_file = "([^"/]+)"', text):
        (tmp_path / name).write_text("x" * 32)
    text = re.sub(r'_file = "/[^"]*/([^"/]+)"', r'_file = "\1"', text)
    for name in re.findall(r'_file = "([^"]+)"', text):
        (tmp_path / name).write_text("x" * 32)

    config_file.parse(text, tmp_path / "offhook.toml")


@pytest.mark.parametrize("line", commands("offhook"))
def test_a_command_that_is_shown_is_understood(line):
    arguments = shlex.split(line.partition(" | ")[0].partition(" > ")[0])[1:]

    if "--help" in arguments or "--version" in arguments:
        with pytest.raises(SystemExit) as ended:
            cli.build_parser().parse_args(arguments)
        assert ended.value.code == 0
    else:
        cli.build_parser().parse_args(arguments)


@pytest.mark.parametrize("line", commands("make"))
def test_a_target_that_is_shown_is_in_the_makefile(line):
    words = [word for word in line.split()[1:] if "=" not in word and not word.startswith("-")]
    assert set(words) <= TARGETS


def links(pattern: str) -> list[Any]:
    return [
        pytest.param(page, target, id=f"{page.name}:{target}")
        for page, text in TEXTS.items()
        for target in sorted(set(re.findall(pattern, text)))
    ]


def slugs(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(("page", "anchor"), links(r"\]\(#([\w-]+)\)"))
def test_a_link_within_a_page_leads_to_a_heading(page, anchor):
    assert anchor in slugs(page)


@pytest.mark.parametrize(("page", "target"), links(r"\]\(([\w./-]+(?:#[\w-]+)?)\)"))
def test_a_link_to_a_file_leads_to_one(page, target):
    path, _, anchor = target.partition("#")
    found = page.parent / path
    assert found.exists()
    assert not anchor or anchor in slugs(found)
