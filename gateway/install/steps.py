"""The single steps of an installation: each tells what it does, does it, and does nothing the second time."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gateway.errors import GatewayError


class InstallFailed(GatewayError):
    """A step could not be done; the message says which, why, and how things stand."""

    code = "install.failed"


class Runner(Protocol):
    """Runs programs."""

    def run(self, argv: Sequence[str], environment: Mapping[str, str]) -> int:
        """Run to the end, output shown; returns the exit status. Raises `OSError`."""

    def read(self, argv: Sequence[str], environment: Mapping[str, str]) -> str:
        """Run to the end and return its standard output, whatever its status. Raises `OSError`."""


class Programs:
    """The real ones."""

    def run(self, argv: Sequence[str], environment: Mapping[str, str]) -> int:
        return subprocess.run(argv, env={**os.environ, **environment}, check=False).returncode

    def read(self, argv: Sequence[str], environment: Mapping[str, str]) -> str:
        done = subprocess.run(
            argv,
            env={**os.environ, **environment},
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return done.stdout


class Step(Protocol):
    """One change."""

    def needed(self) -> bool:
        """Whether there is anything to do."""

    def told(self) -> str:
        """Return what it does, in one line."""

    def do(self, runner: Runner) -> None:
        """Do it. Raises `OSError` or `InstallFailed`."""


@dataclass(frozen=True, slots=True)
class Folder:
    path: Path
    mode: int = 0o755

    def needed(self) -> bool:
        return not self.path.is_dir()

    def told(self) -> str:
        return f"make {self.path}"

    def do(self, _runner: Runner) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(self.mode)


@dataclass(frozen=True, slots=True)
class Text:
    path: Path
    text: str
    mode: int = 0o644
    keep: bool = False
    """Leave a file alone that is there: it is the operator's."""

    def needed(self) -> bool:
        if not self.path.exists():
            return True
        return not self.keep and self.path.read_text(encoding="utf-8") != self.text

    def told(self) -> str:
        return f"write {self.path}"

    def do(self, _runner: Runner) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(f".{self.path.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.touch(mode=self.mode)
        fresh.write_text(self.text, encoding="utf-8")
        fresh.replace(self.path)


@dataclass(frozen=True, slots=True)
class Link:
    path: Path
    target: str

    def needed(self) -> bool:
        return not self.path.is_symlink() or os.readlink(self.path) != self.target

    def told(self) -> str:
        return f"link {self.path} to {self.target}"

    def do(self, _runner: Runner) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and not self.path.is_symlink():
            raise InstallFailed(f"{self.path} is there and is no link of ours; move it away first")
        fresh = self.path.with_name(f".{self.path.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(self.target)
        # At once: at no moment is there no current version.
        fresh.replace(self.path)


@dataclass(frozen=True, slots=True)
class Copy:
    """A folder, as it is now."""

    source: Path
    path: Path

    def needed(self) -> bool:
        return True

    def told(self) -> str:
        return f"copy {self.source} to {self.path}"

    def do(self, _runner: Runner) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        shutil.copytree(self.source, self.path)


@dataclass(frozen=True, slots=True)
class Gone:
    path: Path

    def needed(self) -> bool:
        return self.path.is_symlink() or self.path.exists()

    def told(self) -> str:
        return f"remove {self.path}"

    def do(self, _runner: Runner) -> None:
        if self.path.is_dir() and not self.path.is_symlink():
            shutil.rmtree(self.path)
        else:
            self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class GoneIfEmpty:
    """A folder that others may have put something into."""

    path: Path

    def needed(self) -> bool:
        return self.path.is_dir() and not any(self.path.iterdir())

    def told(self) -> str:
        return f"remove {self.path}"

    def do(self, _runner: Runner) -> None:
        self.path.rmdir()


@dataclass(frozen=True, slots=True)
class Run:
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    may_fail: bool = False
    remedy: str = ""

    def needed(self) -> bool:
        return True

    def told(self) -> str:
        return f"run {' '.join(self.argv)}"

    def do(self, runner: Runner) -> None:
        try:
            status = runner.run(self.argv, self.environment)
        except OSError:
            if self.may_fail:
                return
            raise
        if status and not self.may_fail:
            told = f"`{' '.join(self.argv)}` failed with status {status}"
            raise InstallFailed(f"{told}: {self.remedy}" if self.remedy else told)
