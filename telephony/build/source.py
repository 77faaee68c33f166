"""Gets the source of PJSIP: from a tarball the operator names, or from Debian through apt.

Debian's source package `asterisk` carries the source of PJSIP as a component tarball. It comes from the mirror
that the machine already uses, with package lists of our own in the build folder; apt checks the
archive's signature with Debian's keyring. The machine's own lists are not touched.
"""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from telephony.build.mirror import mirrors
from telephony.build.running import BuildFailed

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SUITE = "sid"
PACKAGE = "asterisk"
COMPONENT = f"{PACKAGE}_*.orig-Xpjproject.tar.*"
MINIMUM = (2, 16)
"""From here on audio frames are copied in one call (pull request 4588)."""

Run = Callable[..., None]

# The machine's hooks are for its own lists: they would rebuild caches, or fail for want of rights.
_APT_CONF = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::Etc::sourcelist "{apt}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "{apt}/lists";
Dir::Cache "{apt}/cache";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Sandbox::User "root";
"""  # apt's own user, which it would else become, may not read the build folder


def fetch(folder: Path, run: Run) -> Path:
    """Download the component tarball into `folder` and return it. Raises `BuildFailed`."""
    if not KEYRING.exists():
        raise BuildFailed(f"{KEYRING} is missing; install debian-archive-keyring")
    failure: BuildFailed | None = None
    for address in mirrors():
        try:
            return _fetch_from(address, folder, run)
        except BuildFailed as error:
            failure = error
    raise failure or BuildFailed("no Debian mirror is known")


def _fetch_from(address: str, folder: Path, run: Run) -> Path:
    apt = folder / "apt"
    shutil.rmtree(apt, ignore_errors=True)
    for name in ("lists/partial", "cache/archives/partial"):
        (apt / name).mkdir(parents=True)
    (apt / "sources.list").write_text(f"deb-src [signed-by={KEYRING}] {address} {SUITE} main\n")
    (apt / "apt.conf").write_text(_APT_CONF.format(apt=apt))
    config = f"--config-file={apt / 'apt.conf'}"
    run("apt-get", config, "update", cwd=folder)
    run("apt-get", config, "source", "--download-only", PACKAGE, cwd=folder)
    found = sorted(folder.glob(COMPONENT))
    if not found:
        raise BuildFailed(f"Debian's source package {PACKAGE} has no pjproject component any more")
    return found[-1]


def unpack(tarball: Path, target: Path) -> Path:
    """Unpack the source and return its top folder. Raises `BuildFailed`."""
    target.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(
            ["tar", "--extract", "--file", tarball, "--directory", target, "--strip-components=1"],
            check=True,
            capture_output=True,
            text=True,
        )
    except subprocess.CalledProcessError as error:
        raise BuildFailed(f"{tarball} cannot be unpacked: {error.stderr.strip()}") from error
    if not (target / "aconfigure").exists():
        raise BuildFailed(f"{tarball} does not look like the source of PJSIP: no aconfigure in it")
    return target


def version(tree: Path) -> str:
    """Return the version of a source tree, for example `2.17`. Raises `BuildFailed` if too old."""
    text = (tree / "version.mak").read_text()
    parts = [
        int(found.group(1))
        for name in ("MAJOR", "MINOR", "REV")
        if (found := re.search(rf"(?m)PJ_VERSION_{name}[ \t]*:?=[ \t]*(\d+)", text))
    ]
    if len(parts) < 2:
        raise BuildFailed("version.mak does not tell the version")
    name = ".".join(map(str, parts))
    if tuple(parts[:2]) < MINIMUM:
        raise BuildFailed(
            f"PJSIP {name} is too old: {'.'.join(map(str, MINIMUM))} or newer is needed"
        )
    return name
