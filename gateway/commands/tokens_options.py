"""The command line of `offhook tokens`."""

import argparse
from typing import Protocol

from gateway.commands.numbers import whole

SCOPES = ("read", "calls", "messages", "tokens", "metrics", "admin")
"""As in `gateway/access/scopes.py`, which the command line does not import: --help would pay for it."""


class _Command(Protocol):
    def __call__(
        self, name: str, does: str, target: str, *, of: object
    ) -> argparse.ArgumentParser: ...


def add_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", command: _Command, end: str
) -> None:
    """Add `create`, `list` and `revoke`; `command` adds one subcommand."""
    group = commands.add_parser(
        "tokens",
        help="make, list and revoke the named tokens of the API",
        description="Make, list and revoke the named tokens of the API.",
        epilog=end,
    )
    parts = group.add_subparsers(dest="part", metavar="WHAT", required=True)
    create = command(
        "create", "make a token and print it, this once", "tokens:run_create", of=parts
    )
    create.add_argument("name", metavar="NAME", help="what it is for, such as `grafana`")
    create.add_argument(
        "--scope",
        action="append",
        required=True,
        choices=SCOPES,
        help="what it may do; may be given several times; `admin` is everything",
    )
    create.add_argument(
        "--days", type=whole(1, 3660), metavar="N", help="good for so long (default: ever)"
    )
    listing = command("list", "list them, with their last use", "tokens:run_list", of=parts)
    revoke = command("revoke", "take one away for good", "tokens:run_revoke", of=parts)
    revoke.add_argument("name", metavar="NAME")
    for part in (create, listing):
        part.add_argument("--json", action="store_true", help="for machines")
