"""Reads what processes cost from /proc: processor time, memory, descriptors, threads."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One process at one moment."""

    cpu_s: float
    """Processor time, user and system, since the process began."""
    rss_mb: float
    descriptors: int
    threads: int


def usage(pid: int) -> Usage:
    """Return what a process uses now; raises `OSError` if there is none."""
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    status = dict(
        line.split(":", 1) for line in (_PROC / str(pid) / "status").read_text().splitlines()
    )
    if "VmRSS" not in status:
        raise ProcessLookupError(f"process {pid} has ended")
    return Usage(
        cpu_s=(int(fields[11]) + int(fields[12])) / _TICKS_PER_S,
        rss_mb=int(status["VmRSS"].split()[0]) / 1024,
        descriptors=len(os.listdir(_PROC / str(pid) / "fd")),
        threads=int(status["Threads"]),
    )


def family(root: int) -> dict[str, list[int]]:
    """Return a gateway's processes by what they do; other helpers of Python's count as `other`."""
    found: dict[str, list[int]] = {"gateway": [root]}
    for pid in _descendants(root):
        try:
            command = (_PROC / str(pid) / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue  # it ended while we looked
        name = "other"
        for module, title in (
            ("telephony", "telephony"),
            ("webrtc", "webrtc"),
            ("agents.speech", "speech"),
        ):
            if any(word == module or word.startswith(module + ".") for word in command):
                name = title
        found.setdefault(name, []).append(pid)
    return found


def measure(pids: Mapping[str, list[int]]) -> dict[str, Usage]:
    """Return the sum of each kind of process."""
    return {name: _sum([usage(pid) for pid in group]) for name, group in pids.items()}


def _sum(parts: list[Usage]) -> Usage:
    return Usage(
        cpu_s=sum(part.cpu_s for part in parts),
        rss_mb=sum(part.rss_mb for part in parts),
        descriptors=sum(part.descriptors for part in parts),
        threads=sum(part.threads for part in parts),
    )


def _descendants(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it ended while we looked
        children.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    waiting = [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found
