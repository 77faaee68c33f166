"""What the distribution brings with it: what is imported and no more, never torch, each bound with two ends."""

import ast
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
ALL = [*PROJECT["dependencies"], *(text for texts in EXTRAS.values() for text in texts)]

OURS = ("gateway", "telephony", "webrtc", "agents")
BUILT = {"pjsua2"}
"""Made by `make setup`, and on no registry in the form that we want."""
NOT_IMPORTED = {
    "tzdata",  # by the standard library's zoneinfo
    "cryptography",  # by PyJWT, for signatures with RSA
    "pymap",  # a program
    "pytest-asyncio",
    "pytest-rerunfailures",
    "ruff",
    "mypy",
}


@pytest.mark.parametrize("text", ALL)
def test_every_dependency_is_bounded_below_and_above(text):
    operators = {specifier.operator for specifier in Requirement(text).specifier}
    assert operators in ({">=", "<"}, {"=="}), text


def closure(texts: list[str]) -> dict[str, str]:
    """Return all that these requirements bring, each with what asked for it."""
    found: dict[str, str] = {}
    waiting = [("offhook", text) for text in texts]
    while waiting:
        asker, text = waiting.pop()
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        environments = [{"extra": extra} for extra in (*requirement.extras, "")]
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        if name in found:
            continue
        found[name] = asker
        try:
            wanted = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # an extra that is not installed here
        for text in wanted:
            marker = Requirement(text).marker
            if marker is None or any(marker.evaluate(each) for each in environments):
                waiting.append((name, re.sub(r";.*", "", text)))
    return found


def test_nothing_brings_torch():
    brought = closure([*PROJECT["dependencies"], *EXTRAS["local"], *EXTRAS["plot"], *EXTRAS["dev"]])
    heavy = {"torch", "torchaudio", "transformers", "sentence-transformers", "tensorflow", "scipy"}
    assert {name: brought[name] for name in heavy & brought.keys()} == {}
    assert "onnxruntime" in brought


def names(texts: Iterable[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in texts}


def trees(folders: Iterable[str]) -> Iterator[ast.AST]:
    """Yield all there is in the files of folders."""
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def imported(folders: Iterable[str]) -> set[str]:
    """Return the top-level modules that files import."""
    found: set[str] = set()
    for node in trees(folders):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).partition(".")[0])
    return found


def named(folders: Iterable[str]) -> set[object]:
    """Return the texts in files: packages that are only wanted for their data are found by their name."""
    return {node.value for node in trees(folders) if isinstance(node, ast.Constant)}


@pytest.mark.parametrize(
    ("folders", "declared"),
    [
        (OURS, [text for extra, texts in EXTRAS.items() if extra != "dev" for text in texts]),
        (("tests",), [text for texts in EXTRAS.values() for text in texts]),
    ],
    ids=["ours", "tests"],
)
def test_what_is_imported_is_declared(folders, declared):
    known = names([*PROJECT["dependencies"], *declared])
    providers = importlib.metadata.packages_distributions()
    undeclared = {
        module: providers[module]
        for module in imported(folders) & providers.keys()
        if module not in {*OURS, *BUILT, *sys.stdlib_module_names, "tests"}
        and not known & {canonicalize_name(name) for name in providers[module]}
    }

    assert undeclared == {}


@pytest.mark.parametrize(
    ("folders", "declared"),
    [
        (
            OURS,
            [*PROJECT["dependencies"], *(t for e, x in EXTRAS.items() if e != "dev" for t in x)],
        ),
        ((*OURS, "tests"), EXTRAS["dev"]),
    ],
    ids=["ours", "tests"],
)
def test_what_is_declared_is_imported(folders, declared):
    wanted = imported(folders) | named(folders)
    used = {
        canonicalize_name(name)
        for module, owners in importlib.metadata.packages_distributions().items()
        if module in wanted
        for name in owners
    }
    installed = {canonicalize_name(each.name) for each in importlib.metadata.distributions()}

    assert (names(declared) & installed) - NOT_IMPORTED - used == set()
