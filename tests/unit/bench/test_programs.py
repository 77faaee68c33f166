"""What is only run by hand can still be imported: a name that is gone shows in every run."""

import importlib
from pathlib import Path

import pytest

LOAD = Path(__file__).parents[2] / "load"


@pytest.mark.parametrize("name", sorted(path.stem for path in LOAD.glob("*.py")))
def test_a_program_of_the_bench_can_be_imported(name):
    assert importlib.import_module(f"tests.load.{name}").__doc__ or name == "__init__"
