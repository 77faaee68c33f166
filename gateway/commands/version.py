"""`offhook version`: prints the version."""

import argparse

from gateway import __version__
from gateway.commands.exits import Exit


def run(_options: argparse.Namespace) -> int:
    print(f"offhook {__version__}")
    return Exit.OK
