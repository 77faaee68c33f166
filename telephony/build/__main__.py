"""`python -m telephony.build`: build the pjsua2 wheel, keep it in the cache, install it.

Steps: build packages, source, configure, compile, Python module, wheel. The wheel is cached outside the
checkout under a name with a hash of everything that shapes it, so a second run only installs. When the
build cannot be had, the published wheel is installed instead, with a plain warning of its limits.
"""

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from telephony.build import source
from telephony.build.source import BuildFailed

HERE = Path(__file__).parent
PACKAGES = (
    "build-essential", "pkg-config", "swig", "libsrtp2-dev", "libspeex-dev", "libspeexdsp-dev",
    "libgsm1-dev", "libopus-dev", "libssl-dev", "libasound2-dev", "uuid-dev",
)  # fmt: skip
CONFIGURE = (
    "--enable-epoll", "--disable-video", "--with-external-srtp", "--with-external-speex",
    "--with-external-gsm", "--enable-speex-resample", "--disable-ilbc-codec",
    "--disable-g7221-codec", "--disable-libyuv", "--disable-libwebrtc", "--disable-sdl",
    "--disable-ffmpeg", "--disable-v4l2", "--disable-openh264", "--disable-vpx",
    "--disable-opencore-amr", "--disable-silk", "--disable-bcg729", "--disable-lyra",
    "--disable-upnp",
)  # fmt: skip
CFLAGS = "-O2 -fPIC -DNDEBUG"
PUBLISHED = "pjsua2-python>=2.15.1,<2.16"
PUBLISHED_LIMITS = (
    "at most 4 calls at a time, no Opus, no sound card, an OpenSSL without security updates"
)
STEPS = 6


def cache_dir() -> Path:
    if given := os.environ.get("OFFHOOK_CACHE"):
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "offhook"


def fingerprint(tarball: Path | None) -> str:
    """Return a hash over all that shapes the wheel, so that a change builds anew."""
    digest = hashlib.sha256()
    for path in (HERE / "config_site.h", *([tarball] if tarball else [])):
        digest.update(path.read_bytes())
    digest.update(repr((CONFIGURE, CFLAGS, sysconfig.get_config_var("SOABI"))).encode())
    return digest.hexdigest()[:10]


class Build:
    """One build in one scratch folder, telling how far it is."""

    def __init__(self, scratch: Path, log: Path) -> None:
        self._scratch = scratch
        self._log = log
        self._began_s = time.monotonic()
        self._step = 0

    def run(self, *command: str, cwd: Path, env: dict[str, str] | None = None) -> None:
        """Run a command, its output to the log. Raises `BuildFailed`."""
        with self._log.open("ab") as log:
            log.write(f"\n$ {' '.join(command)}\n".encode())
            log.flush()
            try:
                subprocess.run(
                    command,
                    cwd=cwd,
                    env={**os.environ, **(env or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    check=True,
                )
            except (OSError, subprocess.CalledProcessError) as error:
                raise BuildFailed(f"{command[0]} failed: {error}") from error

    def wheel(self, tarball: Path | None, label: str) -> Path:
        """Build and return the wheel, inside the scratch folder. Raises `BuildFailed`."""
        self._tell("build packages")
        self._packages()
        self._tell("source of PJSIP")
        archive = tarball or source.fetch(self._scratch, self.run)
        tree = source.unpack(archive, self._scratch / "pjproject")
        self._tell(f"configure {source.version(tree)}")
        shutil.copy(HERE / "config_site.h", tree / "pjlib/include/pj/config_site.h")
        makefile = tree / "pjmedia/build/Makefile"
        # The trimmed source names an object whose file was taken out.
        makefile.write_text(makefile.read_text().replace("bdimad_dev.o", ""))
        flags = {"CFLAGS": CFLAGS, "CXXFLAGS": CFLAGS}
        self.run("./aconfigure", *CONFIGURE, cwd=tree, env=flags)
        self._tell("compile")
        self.run("make", "dep", cwd=tree, env=flags)
        self.run("make", f"-j{os.cpu_count() or 1}", "lib", cwd=tree, env=flags)
        self._tell("Python module (the longest step)")
        swig = tree / "pjsip-apps/src/swig/python"
        self.run("make", "pjsua2_wrap.cpp", cwd=swig, env=flags)
        setup = swig / "setup.py"
        setup.write_text(
            re.sub(
                r"version=pj_version", f'version=pj_version + "+offhook.{label}"', setup.read_text()
            )
        )
        self.run(sys.executable, "-m", "pip", "install", "--quiet", "setuptools", "wheel", cwd=swig)
        self._tell("wheel")
        self.run(sys.executable, "setup.py", "bdist_wheel", cwd=swig, env=flags)
        found = list((swig / "dist").glob("pjsua2-*.whl"))
        if not found:
            raise BuildFailed("the build left no wheel")
        return found[0]

    def _packages(self) -> None:
        query = ["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}"]
        missing = [
            name
            for name in PACKAGES
            if not subprocess.run(
                [*query, name], capture_output=True, text=True, check=False
            ).stdout.startswith("ii")
        ]
        if not missing:
            return
        if os.geteuid() != 0:
            raise BuildFailed(f"packages are missing; as root: apt-get install {' '.join(missing)}")
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        self.run("apt-get", "update", "--quiet", cwd=self._scratch, env=quiet)
        self.run(
            "apt-get", "install", "--yes", "--no-install-recommends", *missing,
            cwd=self._scratch, env=quiet,
        )  # fmt: skip

    def _tell(self, what: str) -> None:
        self._step += 1
        seconds = time.monotonic() - self._began_s
        print(f"pjsua2 [{self._step}/{STEPS}] {seconds:4.0f} s  {what}", flush=True)


def build(tarball: Path | None) -> Path:
    """Return the cached wheel, built if it is not there. Raises `BuildFailed`."""
    label = fingerprint(tarball)
    wheels = cache_dir() / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    with (wheels / "lock").open("w") as lock:
        # Two builds at once would only be slower than one after the other.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if found := sorted(wheels.glob(f"pjsua2-*offhook.{label}-*.whl")):
            return found[-1]
        log = wheels / "pjsua2-build.log"
        log.write_bytes(b"")
        with tempfile.TemporaryDirectory(prefix="offhook-pjsua2-") as name:
            try:
                made = Build(Path(name), log).wheel(tarball, label)
            except BuildFailed as error:
                raise BuildFailed(f"{error} (log: {log})") from error
            partial = wheels / (made.name + ".partial")
            shutil.copy(made, partial)
            target = wheels / made.name
            partial.replace(target)
            return target


def install(*what: str) -> None:
    """Install into this interpreter's environment. Raises `BuildFailed`."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*command, *what], check=False)
    if done.returncode:
        raise BuildFailed(f"pip could not install {what[-1]}")


def installed_label() -> str:
    """Return the version of pjsua2 in this environment, empty if there is none."""
    done = subprocess.run(
        [sys.executable, "-c", "import importlib.metadata as m; print(m.version('pjsua2'))"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.strip()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m telephony.build", description=__doc__)
    parser.add_argument("--tarball", type=Path, help="source of PJSIP 2.16 or newer to use instead")
    parser.add_argument("--no-install", action="store_true", help="only build and cache the wheel")
    parser.add_argument("--published", action="store_true", help="install the published wheel")
    options = parser.parse_args()
    try:
        if not options.published:
            if options.tarball is not None and not options.tarball.is_file():
                print(f"--tarball {options.tarball}: no such file", file=sys.stderr)
                return 2
            wheel = build(options.tarball)
            if options.no_install:
                print(wheel)
            elif not installed_label().endswith(f"offhook.{fingerprint(options.tarball)}"):
                install("--force-reinstall", "--no-deps", str(wheel))
            return 0
    except BuildFailed as error:
        print(f"\npjsua2 could not be built: {error}", file=sys.stderr)
    print(f"Installing the published wheel instead: {PUBLISHED_LIMITS}.\n", file=sys.stderr)
    try:
        install(PUBLISHED)
    except BuildFailed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
