"""What the README shows is true: its configurations load, its commands exist, its links lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest

from gateway import cli
from gateway.config import file as config_file

ROOT = Path(__file__).parents[2]
PATH = ROOT / "README.md"
TEXT = PATH.read_text(encoding="utf-8") if PATH.exists() else ""
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)
TARGETS = (
    set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    if (ROOT / "Makefile").exists()
    else set()
)


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


@pytest.mark.parametrize("anchor", sorted(set(re.findall(r"\]\(#([\w-]+)\)", TEXT))))
def test_a_link_within_the_readme_leads_to_a_heading(anchor):
    headings = re.findall(r"^#+ (.+)$", TEXT, flags=re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert anchor in slugs


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([\w./-]+)\)", TEXT))))
def test_a_link_to_a_file_leads_to_one(path):
    assert (ROOT / path).exists()
