"""Whether directories, disk, limits, memory and processors suffice for the configuration."""

import os
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from gateway import api_token
from gateway.checks.finding import Finding, fail, ok, warn
from gateway.config import Config
from gateway.errors import ConfigError
from gateway.store import earlier, sqlite
from gateway.store.schema import SCHEMA_VERSION, schema_versions

_MIB = 1 << 20
DISK_LEAST = 64 * _MIB
DISK_COMFORTABLE = 1024 * _MIB
FILES_LEAST = 1_000
"""A file system can be full of files before it is full of bytes (`df -i`)."""
DESCRIPTORS_PER_CALL = 4
"""RTP and RTCP sockets, and as many again for a re-INVITE that moves them."""
DESCRIPTORS_BESIDES = 256
SPEECH_WORKER_BYTES = 600 * _MIB
CORES_PER_CALL = 0.006
"""The most that one G.711 call may cost over all processes, models apart."""


def check_machine(config: Config, *, is_running: bool) -> list[Finding]:
    """Return what is to be said of this machine."""
    return [
        *_directory("gateway.data_dir", config.gateway.data_dir),
        *_directory("gateway.cache_dir", config.gateway.cache_dir),
        *_database(config, is_running=is_running),
        *_token(config),
        *_descriptors(config),
        *_memory(config),
        *_processors(config),
    ]


def is_running(config: Config) -> bool:
    """Whether a gateway holds this data directory."""
    lock = sqlite.InstanceLock(config.gateway.data_dir)
    return lock.is_held()


def _directory(key: str, path: Path) -> Iterator[Finding]:
    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        what = "is not a directory" if not there.is_dir() else "may not be written"
        remedy = f"give the user of the gateway write access, or set {key}"
        yield fail("directories", f"{key} {path}: {there} {what}", remedy)
        return
    free = shutil.disk_usage(there).free
    remedy = f"free some, or set {key} to a place with more"
    if free < DISK_LEAST:
        yield fail("directories", f"{key} {path}: {free // _MIB} MiB free", remedy)
    elif (files := _free_files(there)) < FILES_LEAST:
        told = f"{key} {path}: room for {files} more files only (`df -i`)"
        yield fail("directories", told, f"remove what has many, or set {key} to another place")
    elif free < DISK_COMFORTABLE:
        yield warn("directories", f"{key} {path}: only {free // _MIB} MiB free", remedy)
    else:
        yield ok("directories", f"{key} {path}: writable, {free / 1024 / _MIB:.1f} GiB free")


def _free_files(there: Path) -> float:
    """Return how many more files there can be; some file systems have no such bound."""
    status = os.statvfs(there)
    return status.f_favail if status.f_files else float("inf")


def _database(config: Config, *, is_running: bool) -> Iterator[Finding]:
    path = config.gateway.data_dir / sqlite.DATABASE_FILE
    if not path.exists():
        yield ok("database", f"{path} is made at the first start")
        return
    engine = sqlite.reading_engine(path)
    try:
        with engine.connect() as connection:
            version = connection.execute(select(func.max(schema_versions.c.version))).scalar() or 0
    except SQLAlchemyError as error:
        remedy = "restore a backup, or move the file away to begin anew"
        yield fail("database", f"{path}: {getattr(error, 'orig', None) or error}", remedy)
        return
    finally:
        engine.dispose()
    if version > SCHEMA_VERSION:
        yield fail(
            "database",
            f"{path} has schema version {version}, this program knows {SCHEMA_VERSION}",
            earlier.way_back(path) or "install the newer Offhook again, or set gateway.data_dir",
        )
        return
    user = "in use by a running gateway" if is_running else "not in use"
    yield ok("database", f"{path}: schema version {version}, {user}")


def _token(config: Config) -> Iterator[Finding]:
    try:
        api_token.read(config)
    except FileNotFoundError:
        yield ok("api token", "is made at the first start")
    except ConfigError as error:
        wrong, _, remedy = str(error).partition("; ")
        yield fail("api token", wrong, remedy)
    else:
        yield ok("api token", "there")


def _descriptors(config: Config) -> Iterator[Finding]:
    needed = DESCRIPTORS_PER_CALL * config.sip.max_calls + DESCRIPTORS_BESIDES
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        yield warn(
            "limits",
            f"a process may open {soft} files; sip.max_calls = {config.sip.max_calls} needs {needed}",
            f"`ulimit -n {needed}`, or LimitNOFILE={needed} in the systemd unit",
        )
    else:
        yield ok("limits", f"open files: {soft}, needed: {needed}")


def _memory(config: Config) -> Iterator[Finding]:
    available = _available_bytes()
    needed = config.speech.workers * SPEECH_WORKER_BYTES
    if available is None:
        return
    if available < needed:
        yield warn(
            "memory",
            f"{available // _MIB} MiB available; {config.speech.workers} speech workers take about "
            f"{needed // _MIB} MiB",
            "lower speech.workers, or add memory",
        )
    else:
        yield ok("memory", f"{available // _MIB} MiB available, about {needed // _MIB} needed")


def _available_bytes() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next(
        (int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None
    )


def _processors(config: Config) -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0))
    needed = config.sip.max_calls * CORES_PER_CALL
    if config.sip.enabled and needed > cores:
        yield warn(
            "processors",
            f"{cores} cores; {config.sip.max_calls} calls may take {needed:.1f} without the models",
            "lower sip.max_calls, or add cores",
        )
    else:
        yield ok("processors", f"{cores} cores for {config.sip.max_calls} calls")
