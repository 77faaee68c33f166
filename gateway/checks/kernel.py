"""Whether the kernel gives sockets, threads and files enough room for the configured number of calls."""

import resource
from collections.abc import Iterator
from pathlib import Path

from gateway.checks.finding import Finding, ok, warn
from gateway.config import Config

SUBJECT = "kernel"
NET = Path("/proc/sys/net/core")
RECEIVE_LEAST = 212_992
"""Bytes; Linux's own default. A SIP socket with less loses packets when many calls come at once."""
SEND_LEAST = 212_992
"""Bytes; a tick of 300 calls on the link to a worker has 193 kB."""
BACKLOG_LEAST = 1_000
"""Packets of one processor that wait for the kernel (`netdev_max_backlog`); 100 calls send 5000 a second."""
TASKS_LEAST = 512
"""Threads and processes of all our processes together, models included."""


def check_kernel(config: Config) -> list[Finding]:
    """Return what is to be said of kernel settings and process limits."""
    found = [
        *_at_least("rmem_default", RECEIVE_LEAST),
        *_at_least("rmem_max", RECEIVE_LEAST),
        *_at_least("wmem_max", SEND_LEAST),
        *_at_least("netdev_max_backlog", BACKLOG_LEAST),
        *_tasks(),
        *_core(config),
    ]
    return found or [ok(SUBJECT, "socket buffers, threads and core files are in order")]


def _at_least(name: str, least: int) -> Iterator[Finding]:
    value = _read(name)
    if value is not None and value < least:
        yield warn(
            SUBJECT,
            f"net.core.{name} is {value}, less than {least}: packets are lost when many come at once",
            f"put `net.core.{name} = {least}` into /etc/sysctl.d/offhook.conf and run `sysctl --system`",
        )


def _read(name: str) -> int | None:
    try:
        return int((NET / name).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _tasks() -> Iterator[Finding]:
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if soft != resource.RLIM_INFINITY and soft < TASKS_LEAST:
        yield warn(
            SUBJECT,
            f"this user may have {soft} threads; workers and models need up to {TASKS_LEAST}",
            f"`ulimit -u {TASKS_LEAST}`, or LimitNPROC= and TasksMax= in the systemd unit",
        )


def _core(config: Config) -> Iterator[Finding]:
    soft, _ = resource.getrlimit(resource.RLIMIT_CORE)
    if soft != 0 and config.gateway.mask_pii:
        yield warn(
            SUBJECT,
            "core files are written when a worker crashes; they hold what callers said, and secrets",
            "`ulimit -c 0`, or LimitCORE=0 in the systemd unit",
        )
