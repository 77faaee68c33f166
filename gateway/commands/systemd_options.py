"""The options of `offhook systemd`."""

import argparse
from pathlib import Path

from gateway.commands.numbers import seconds
from gateway.install.layout import DEFAULT_PREFIX, DEFAULT_USER

DRAIN_S = 3600.0


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", end: str) -> None:
    """Add `systemd` with its parts."""
    systemd = commands.add_parser(
        "systemd",
        help="install, upgrade or remove the service",
        description="Install, upgrade or remove the gateway as a systemd service.",
        epilog=end,
    )
    parts = systemd.add_subparsers(dest="part", metavar="WHAT", required=True)
    install = _part(parts, "install", "install the service, or mend what is there", end)
    upgrade = _part(parts, "upgrade", "build a version, check it and restart into it", end)
    rollback = _part(parts, "rollback", "go back to the version before the current one", end)
    uninstall = _part(parts, "uninstall", "remove the service; data and configuration stay", end)
    for building in (install, upgrade):
        building.add_argument("--source", type=Path, metavar="DIR", help="checkout (default: ours)")
        building.add_argument("--python", default="python3", metavar="PROGRAM", help="interpreter")
        building.add_argument(
            "--published", action="store_true", help="do not build the SIP engine: 4 calls at most"
        )
    for restarting in (upgrade, rollback):
        restarting.add_argument("--no-restart", action="store_true", help="let the old one run on")
        restarting.add_argument(
            "--drain",
            type=seconds,
            default=DRAIN_S,
            metavar="S",
            help="calls may go on so long before the restart (default: %(default)g)",
        )
    uninstall.add_argument("--purge", action="store_true", help="remove data and configuration too")


def _part(
    parts: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, does: str, end: str
) -> argparse.ArgumentParser:
    made = parts.add_parser(
        name, help=does, description=does[0].upper() + does[1:] + ".", epilog=end
    )
    made.set_defaults(target="systemd:run")
    # What was installed before counts: see `Layout.found`.
    told = f"where to (default: where it is, or {DEFAULT_PREFIX})"
    made.add_argument("--prefix", type=Path, metavar="DIR", help=told)
    told = f"whose it is (default: whose it was, or {DEFAULT_USER})"
    made.add_argument("--user", metavar="NAME", help=told)
    made.add_argument("--root", type=Path, default=Path("/"), metavar="DIR", help="stage it here")
    made.add_argument("--dry-run", action="store_true", help="only tell what would be done")
    return made
