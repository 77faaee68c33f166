"""Gets the source of PJSIP: from a tarball the operator names, or from Debian through apt.

Debian's source package `asterisk` carries the source of PJSIP as a component tarball. It is fetched from the mirror
that the machine already uses, with package lists of our own in the build folder; apt checks the
archive's signature with Debian's keyring. The machine's own lists are not touched.
"""

import re
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SUITE = "sid"
DEFAULT_MIRROR = "http://deb.debian.org/debian"

Run = Callable[..., None]


class BuildFailed(Exception):
    """A step of the build failed; the message says which and where the log is."""


def mirror() -> str:
    """Return the Debian mirror of this machine."""
    candidates = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]
    for path in candidates:
        if not path.is_file():
            continue
        for line in path.read_text(errors="replace").splitlines():
            if line.lstrip().startswith("#"):
                continue
            found = re.search(r"(https?://\S*/debian)(?:/|\s|$)", line)
            if found:
                return found.group(1)
    return DEFAULT_MIRROR


def fetch(folder: Path, run: Run) -> Path:
    """Download the component tarball into `folder` and return it. Raises `BuildFailed`."""
    if not KEYRING.exists():
        raise BuildFailed(f"{KEYRING} is missing; install debian-archive-keyring")
    apt = folder / "apt"
    for name in ("lists/partial", "cache/archives/partial"):
        (apt / name).mkdir(parents=True, exist_ok=True)
    sources = apt / "sources.list"
    sources.write_text(f"deb-src [signed-by={KEYRING}] {mirror()} {SUITE} main\n")
    options = [
        "-o", f"Dir::Etc::sourcelist={sources}",
        "-o", "Dir::Etc::sourceparts=/dev/null",
        "-o", f"Dir::State::lists={apt / 'lists'}",
        "-o", f"Dir::Cache={apt / 'cache'}",
        # Run as whoever we are: apt's own user may not read the build folder.
        "-o", "APT::Sandbox::User=root",
    ]  # fmt: skip
    run("apt-get", *options, "update", cwd=folder)
    run("apt-get", *options, "source", "--download-only", "asterisk", cwd=folder)
    found = sorted(folder.glob("asterisk_*.orig-Xpjproject.tar.*"))
    if not found:
        raise BuildFailed("Debian's source package has no pjproject component any more")
    return found[-1]


def unpack(tarball: Path, target: Path) -> Path:
    """Unpack the source and return its top folder. Raises `BuildFailed`."""
    target.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(
            ["tar", "--extract", "--file", tarball, "--directory", target, "--strip-components=1"],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError, tarfile.TarError) as error:
        raise BuildFailed(f"{tarball} cannot be unpacked: {error}") from error
    if not (target / "aconfigure").exists():
        raise BuildFailed(f"{tarball} does not look like the source of PJSIP: no aconfigure in it")
    return target


def version(source: Path) -> str:
    """Return the version that the source says it is, for example `2.17`."""
    text = (source / "version.mak").read_text()
    parts = [
        found.group(1)
        for name in ("MAJOR", "MINOR", "REV")
        if (found := re.search(rf"PJ_VERSION_{name}\s*:?=\s*(\d+)", text))
    ]
    if len(parts) < 2:
        raise BuildFailed("version.mak does not tell the version")
    return ".".join(parts)
