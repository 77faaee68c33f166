"""`python -m telephony.build`: build the pjsua2 wheel, keep it in the cache, install it.

The wheel is cached outside the checkout under a name with a hash of everything that shapes it, so a
second run only installs. When the build cannot be had, the published wheel is installed instead,
with a plain warning of its limits; the exit status is then 3, so that a later run tries again.
"""

import argparse
import sys
from pathlib import Path

from telephony.build import cache, installing, packages, recipe
from telephony.build.running import BuildFailed, Runner

OK, FAILED, USAGE, PUBLISHED_INSTEAD = 0, 1, 2, 3


def main(arguments: list[str] | None = None) -> int:
    """Build and install; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m telephony.build", description=__doc__)
    parser.add_argument("--tarball", type=Path, help="source of PJSIP 2.16 or newer to use instead")
    parser.add_argument("--no-install", action="store_true", help="only build and cache the wheel")
    parser.add_argument("--published", action="store_true", help="install the published wheel")
    options = parser.parse_args(arguments)
    if options.tarball is not None and not options.tarball.is_file():
        print(f"--tarball {options.tarball}: no such file", file=sys.stderr)
        return USAGE
    if options.published:
        return _published(OK)
    try:
        if options.no_install:
            print(cache.wheel(options.tarball))
        else:
            provide(options.tarball)
    except BuildFailed as error:
        print(f"\npjsua2 could not be built: {error}\n", file=sys.stderr)
        return FAILED if options.no_install else _published(PUBLISHED_INSTEAD)
    return OK


def provide(tarball: Path | None) -> None:
    """See to it that the wheel of this recipe is installed and works. Raises `BuildFailed`."""
    if not installing.is_installed(recipe.label(tarball)):
        installing.install_wheel(cache.wheel(tarball))
    if not installing.why_broken():
        return
    # A cache that came from another machine, or an upgrade: the libraries may be missing.
    packages.install(Runner(cache.log_file(), steps=1), cwd=cache.log_file().parent)
    if not (why := installing.why_broken()):
        return
    cached = cache.wheel(tarball)
    cached.unlink()
    raise BuildFailed(f"{cached.name} does not work here: {why}; the next run builds it anew")


def _published(status: int) -> int:
    print(f"Installing the published wheel: {installing.PUBLISHED_LIMITS}.", file=sys.stderr)
    try:
        installing.install_published()
    except BuildFailed as error:
        print(error, file=sys.stderr)
        return FAILED
    if why := installing.why_broken():
        print(f"The published wheel does not work here: {why}", file=sys.stderr)
        return FAILED
    return status


if __name__ == "__main__":
    sys.exit(main())
