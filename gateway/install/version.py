"""Builds one version: a virtual environment of its own, complete or not there at all."""

import shutil
import tempfile
from pathlib import Path

from gateway.errors import ConfigError
from gateway.install.layout import Layout
from gateway.install.steps import Copy, InstallFailed, Run, Runner, Step, Text

PACKAGES = ("gateway", "telephony", "webrtc", "agents", "systemd")
FILES = ("pyproject.toml", "README.md", "LICENSE")
COMPLETE = ".complete"
EXTRAS = "local,webrtc"
ENGINE_REMEDY = (
    "the SIP engine was not built, for the reason above; mend it and try again, or add --published "
    "(make install PUBLISHED=1) to take the wheel with at most 4 calls"
)


def check_source(source: Path) -> None:
    """Raises `ConfigError` unless `source` is a checkout."""
    missing = [name for name in (*PACKAGES, "pyproject.toml") if not (source / name).exists()]
    if missing:
        raise ConfigError(
            f"--source {source}: is no checkout of Offhook ({', '.join(missing)} missing); "
            "name the folder that holds pyproject.toml"
        )


def is_complete(folder: Path) -> bool:
    return (folder / COMPLETE).is_file()


def system_folder(folder: Path) -> Path:
    """Where a version keeps its units and what belongs to them."""
    return folder / "share" / "offhook" / "systemd"


def steps(
    layout: Layout, source: Path, folder: Path, python: str, *, is_published: bool
) -> list[Step]:
    """Return what builds the version in `folder`; `is_published` takes the SIP engine's small wheel."""
    own = str(folder / "bin" / "python")
    pip = (own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    engine = (own, "-m", "telephony.build", *(("--published",) if is_published else ()))
    return [
        Run((python, "-m", "venv", str(folder))),
        Packaged(source, pip),
        # From the cache of whoever installs, if it was built there before.
        Run(engine, may_fail=is_published, remedy=ENGINE_REMEDY),
        Run(
            (own, "-m", "agents.local.assets", "--fetch", "--quiet"),
            {"OFFHOOK_CACHE": str(layout.share)},
        ),
        Copy(source / "systemd", system_folder(folder)),
        Relocated(folder, layout),
        Text(folder / COMPLETE, ""),
    ]


class Packaged(Step):
    """Has pip install a copy of the source: a build leaves nothing behind in the checkout."""

    def __init__(self, source: Path, pip: tuple[str, ...]) -> None:
        self._source = source
        self._pip = pip

    def needed(self) -> bool:
        return True

    def told(self) -> str:
        return f"run {' '.join(self._pip)} {self._source}[{EXTRAS}]"

    def do(self, runner: Runner) -> None:
        with tempfile.TemporaryDirectory(prefix="offhook-install-") as name:
            copy = Path(name, "offhook")
            for package in PACKAGES:
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(self._source / package, copy / package, ignore=ignored)
            for file in FILES:
                shutil.copy(self._source / file, copy / file)
            status = runner.run((*self._pip, f"{copy}[{EXTRAS}]"), {})
        if status:
            raise InstallFailed(f"pip failed with status {status}: the version was not built")


class Relocated(Step):
    """Has the scripts of a staged version name the interpreter as it will be called."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        self._folder = folder
        self._layout = layout

    def needed(self) -> bool:
        return self._layout.is_staged

    def told(self) -> str:
        return f"take {self._layout.root} out of the scripts in {self._folder / 'bin'}"

    def do(self, _runner: Runner) -> None:
        here = str(self._folder)
        there = "/" + str(self._folder.relative_to(self._layout.root))
        for path in [*(self._folder / "bin").iterdir(), self._folder / "pyvenv.cfg"]:
            if path.is_symlink() or not path.is_file():
                continue
            data = path.read_bytes()
            if here.encode() in data and not data.startswith(b"\x7fELF"):
                path.write_bytes(data.replace(here.encode(), there.encode()))
