"""Puts one of the two distributions of pjsua2 into this interpreter's environment, and tries it."""

import subprocess
import sys
from pathlib import Path

from telephony.build.running import BuildFailed

PUBLISHED = "pjsua2-python>=2.15.1,<2.16"
PUBLISHED_LIMITS = (
    "at most 4 calls at a time, no Opus, no sound card, slow audio, an OpenSSL without updates"
)
_OURS, _THEIRS = "pjsua2", "pjsua2-python"
_VERSION = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"


def install_wheel(wheel: Path) -> None:
    """Install our wheel, in place of the published one. Raises `BuildFailed`."""
    if _version_of(_THEIRS):
        # Both bring a module of the same name; pip does not know that they exclude each other.
        _pip("uninstall", "--yes", _THEIRS)
    _pip("install", "--force-reinstall", "--no-deps", str(wheel))


def install_published() -> None:
    """Install the published wheel, in place of ours. Raises `BuildFailed`."""
    if _version_of(_OURS):
        _pip("uninstall", "--yes", _OURS)
    _pip("install", PUBLISHED)


def is_installed(label: str) -> bool:
    """Whether the wheel with this label is what is installed."""
    return _version_of(_OURS).endswith(f"offhook.{label}") and not _version_of(_THEIRS)


def why_broken() -> str:
    """Return why pjsua2 cannot be imported, empty if it can."""
    done = subprocess.run(
        [sys.executable, "-c", "import pjsua2"], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return ""
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"importing it ended with status {done.returncode}"


def _version_of(distribution: str) -> str:
    # Asked in a process of its own: this one does not see what pip has just changed.
    command = [sys.executable, "-c", _VERSION, distribution]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _pip(verb: str, *arguments: str) -> None:
    command = [sys.executable, "-m", "pip", verb, "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*command, *arguments], check=False).returncode:
        raise BuildFailed(f"pip could not {verb} {arguments[-1]}")
