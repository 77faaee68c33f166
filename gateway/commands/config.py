"""`offhook config`: prints the commented example, or what a file comes to with all defaults."""

import argparse
import json
from importlib.resources import files

from gateway.commands.exits import Exit


def example_text() -> str:
    """Return the example file."""
    return files("gateway").joinpath("example.toml").read_text(encoding="utf-8")


def run_example(_options: argparse.Namespace) -> int:
    print(example_text(), end="")
    return Exit.OK


def run_show(options: argparse.Namespace) -> int:
    # Only this half needs the models.
    from gateway.config import file as config_file

    config, source = config_file.load(options.config)
    print(
        json.dumps({"file": str(source) if source else None, **config_file.plain(config)}, indent=2)
    )
    return Exit.OK
