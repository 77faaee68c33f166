"""`offhook systemd`: installs, upgrades, goes back, uninstalls."""

import argparse
import os
import re
import signal
from contextlib import suppress
from pathlib import Path

import gateway
from gateway.commands.exits import CommandFailed, Exit
from gateway.install.layout import Layout
from gateway.install.perform import Installation
from gateway.install.steps import Programs

_VERSION = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)


def run(options: argparse.Namespace) -> int:
    layout = Layout.found(options.root.absolute(), prefix=options.prefix, user=options.user)
    if not layout.is_staged and not options.dry_run and os.geteuid() != 0:
        raise CommandFailed("only root can do that; try `sudo`, or --root DIR to stage it")
    # A drain may take an hour. When the terminal goes meanwhile, the service must not be left without calls.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    installation = Installation(layout, Programs(), tell=_tell, is_dry=options.dry_run)
    match options.part:
        case "install":
            source = _source(options)
            installation.install(
                source, _version(source), options.python, is_published=options.published
            )
            if not layout.is_staged and not options.dry_run:
                _tell(f"installed; edit {layout.config_file}, then: systemctl enable --now offhook")
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


def _tell(line: str) -> None:
    with suppress(OSError):
        print(line, flush=True)


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
