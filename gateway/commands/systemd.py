"""`offhook systemd`: installs, upgrades, goes back, uninstalls."""

import argparse
import os
import re
from pathlib import Path

import gateway
from gateway.commands.exits import CommandFailed, Exit
from gateway.install.layout import Layout
from gateway.install.perform import Installation
from gateway.install.steps import Programs

_VERSION = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)


def run(options: argparse.Namespace) -> int:
    layout = Layout(root=options.root.absolute(), prefix=options.prefix, user=options.user)
    if not layout.is_staged and not options.dry_run and os.geteuid() != 0:
        raise CommandFailed("only root can do that; try `sudo`, or --root DIR to stage it")
    installation = Installation(
        layout, Programs(), tell=lambda line: print(line, flush=True), is_dry=options.dry_run
    )
    match options.part:
        case "install":
            source = _source(options)
            installation.install(
                source, _version(source), options.python, is_published=options.published
            )
            if not layout.is_staged and not options.dry_run:
                print(f"installed; edit {layout.config_file}, then: systemctl enable --now offhook")
        case "upgrade":
            source = _source(options)
            installation.upgrade(
                source,
                _version(source),
                options.python,
                is_published=options.published,
                restarts=not options.no_restart,
                drain_s=options.drain,
            )
        case "rollback":
            installation.rollback(restarts=not options.no_restart, drain_s=options.drain)
        case _:
            installation.uninstall(purges=options.purge)
    return Exit.OK


def _source(options: argparse.Namespace) -> Path:
    source: Path = options.source or Path(gateway.__file__).parents[1]
    return source.absolute()


def _version(source: Path) -> str:
    """Return the version that a checkout holds, without importing it."""
    try:
        found = _VERSION.search((source / "gateway" / "__init__.py").read_text(encoding="utf-8"))
    except OSError:
        found = None
    return found[1] if found else "unknown"
