"""What the distribution brings with it: never torch, and every bound has two ends."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
ALL = [*PROJECT["dependencies"], *(text for texts in EXTRAS.values() for text in texts)]


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
