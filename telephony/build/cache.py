"""Keeps the built wheel outside the checkout, so that it is built once for each recipe."""

import fcntl
import shutil
import tempfile
from pathlib import Path

from gateway import directories
from telephony.build import recipe
from telephony.build.running import BuildFailed, Runner


def log_file() -> Path:
    """Return where the output of the last build is."""
    return _wheels() / "pjsua2-build.log"


def wheel(tarball: Path | None) -> Path:
    """Return the cached wheel, built if it is not there. Raises `BuildFailed`."""
    wheels = _wheels()
    try:
        wheels.mkdir(parents=True, exist_ok=True)
        with (wheels / "lock").open("w") as lock:
            # Two builds at once would only be slower than one after the other.
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("pjsua2: waiting for another build to end", flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
            return _cached(wheels, recipe.label(tarball)) or _built(wheels, tarball)
    except OSError as error:
        raise BuildFailed(str(error)) from error


def _wheels() -> Path:
    return directories.built().absolute() / "wheels"


def _cached(wheels: Path, label: str) -> Path | None:
    return next(iter(sorted(wheels.glob(f"pjsua2-*offhook.{label}-*.whl"))), None)


def _built(wheels: Path, tarball: Path | None) -> Path:
    log = log_file()
    log.write_bytes(b"")
    runner = Runner(log, recipe.STEPS)
    with tempfile.TemporaryDirectory(prefix="offhook-pjsua2-") as name:
        made = recipe.make_wheel(runner, Path(name), tarball)
        # Whoever looks for a wheel must never find half of one.
        partial = wheels / f"{made.name}.partial"
        shutil.copy(made, partial)
        kept = partial.rename(wheels / made.name)
    runner.tell_end(f"{kept.name}, kept in {wheels}")
    return kept
