"""Debian packages of the build: which are missing, and installing them where we may."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from telephony.build.running import BuildFailed, Runner

BUILD_PACKAGES = (
    "build-essential", "pkg-config", "swig", "xz-utils", "libsrtp2-dev", "libspeex-dev",
    "libspeexdsp-dev", "libgsm1-dev", "libopus-dev", "libssl-dev", "libasound2-dev", "uuid-dev",
)  # fmt: skip
_QUERY = ("dpkg-query", "--show", "--showformat=${db:Status-Status} ${binary:Package}\n")


def missing() -> list[str]:
    """Return the packages that are needed and not installed. Raises `BuildFailed`."""
    needed = [*BUILD_PACKAGES, *_python_headers()]
    try:
        done = subprocess.run([*_QUERY, *needed], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise BuildFailed("this machine has no dpkg; the build needs Debian's packages") from error
    lines = (line.split() for line in done.stdout.splitlines())
    installed = {words[1].partition(":")[0] for words in lines if words[0] == "installed"}
    return [name for name in needed if name not in installed]


def _python_headers() -> list[str]:
    """Return the package with this interpreter's headers, if they are not there."""
    if Path(sysconfig.get_path("include"), "Python.h").exists():
        return []
    if sys.base_prefix != "/usr":
        raise BuildFailed(f"{sys.base_prefix} has no Python.h; install this Python's headers")
    return [f"libpython{sys.version_info.major}.{sys.version_info.minor}-dev"]


def install(runner: Runner, cwd: Path) -> None:
    """Install what is missing; as another than root, say what to install. Raises `BuildFailed`."""
    names = missing()
    if not names:
        return
    if os.geteuid() != 0:
        raise BuildFailed(f"packages are missing; as root: apt-get install {' '.join(names)}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    patient = ("--quiet", "--option", "DPkg::Lock::Timeout=300")
    runner.run("apt-get", *patient, "update", cwd=cwd, env=quiet)
    runner.run(
        "apt-get", *patient, "install", "--yes", "--no-install-recommends", *names,
        cwd=cwd, env=quiet,
    )  # fmt: skip
