"""What systemd is asked around an installation, and which files it reads; nothing of it in a staging root."""

from collections.abc import Iterable
from pathlib import Path

from gateway.install.layout import UNITS, Layout
from gateway.install.steps import Run, Runner, Step, Text


def file_steps(layout: Layout, folder: Path) -> list[Step]:
    """Write units, sysusers, tmpfiles and what fail2ban reads, from a version's `systemd` folder."""
    return [
        Text(path, layout.fit((folder / name).read_text(encoding="utf-8")))
        for name, path in layout.system_files().items()
        if not name.startswith("fail2ban") or layout.at("/etc/fail2ban").is_dir()
    ]


def make_known(layout: Layout, runner: Runner) -> list[Step]:
    """Have the user made, the rights set and the units read."""
    if layout.is_staged:
        return []
    files = layout.system_files()
    steps: list[Step] = [
        Run(("systemd-sysusers", str(files["sysusers.conf"]))),
        Run(("systemd-tmpfiles", "--create", str(files["tmpfiles.conf"]))),
    ]
    if is_running(runner):
        steps.append(Run(("systemctl", "daemon-reload")))
    return steps


def is_running(runner: Runner) -> bool:
    """Whether this machine was started by systemd (sd_booted(3))."""
    try:
        state = runner.read(("systemctl", "is-system-running"), {}).strip()
    except OSError:
        return False
    return state not in ("", "offline", "unknown")


def active_units(runner: Runner) -> list[str]:
    """Return our services that run, those that fail and come again included."""
    patterns = [UNITS[0], UNITS[1].replace("@", "@*")]
    listed = runner.read(
        (
            "systemctl",
            "list-units",
            "--plain",
            "--no-legend",
            "--state=active,activating,reloading",
            *patterns,
        ),
        {},
    )
    return [line.split()[0] for line in listed.splitlines() if line.strip()]


def config_of(layout: Layout, unit: str) -> Path:
    """Return the configuration that a unit reads."""
    _, _, instance = unit.removesuffix(".service").partition("@")
    return layout.config_dir / f"{instance or 'offhook'}.toml"


def given_to_service(layout: Layout, config: Path) -> dict[str, str]:
    """Return the variables with which systemd starts the service that reads a configuration.

    Commands need them where the file leaves folders to systemd, or names secrets that are credentials.
    """
    is_first = config.stem == "offhook"
    folder = "offhook" if is_first else f"offhook-{config.stem}"
    unit = UNITS[0] if is_first else UNITS[1].replace("@", f"@{config.stem}")
    given = {
        "STATE_DIRECTORY": str(layout.at(f"/var/lib/{folder}")),
        "CACHE_DIRECTORY": str(layout.at(f"/var/cache/{folder}")),
    }
    credentials = layout.at(f"/run/credentials/{unit}")
    # There while the service runs, and root may read them.
    return given | ({"CREDENTIALS_DIRECTORY": str(credentials)} if credentials.is_dir() else {})


def restart(units: Iterable[str], runner: Runner) -> list[str]:
    """Restart units one after the other, each until it is ready; returns those that did not come up."""
    return [unit for unit in units if runner.run(("systemctl", "restart", unit), {})]
