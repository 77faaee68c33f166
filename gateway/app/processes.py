"""How workers are started, each in a process of its own, with its configuration in a file."""

import sys
from collections.abc import Sequence
from pathlib import Path

from gateway.config import Config
from gateway.link.supervisor import ArgvFactory


def write_config(config: Config, path: Path) -> None:
    """Write what a worker reads, for its owner only; a reader finds the old or the new, never half."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(config.model_dump_json())
    fresh.replace(path)


def telephony_argv(config: Config, path: Path) -> ArgvFactory:
    """Return how to start a telephony worker; its configuration is written to `path`."""
    # A file, not a descriptor: the worker may be started again at any time.
    write_config(config, path)

    def argv(link_fd: int) -> Sequence[str]:
        worker = (sys.executable, "-m", "telephony")
        return (*worker, "--link-fd", str(link_fd), "--config-json", str(path))

    return argv


def webrtc_argv(config: Config, path: Path) -> ArgvFactory:
    """Return how to start a worker for browser calls; its configuration is written to `path` each time."""

    def argv(link_fd: int) -> Sequence[str]:
        path.touch(mode=0o600)
        path.write_text(config.model_dump_json())
        worker = (sys.executable, "-m", "webrtc")
        return (*worker, "--link-fd", str(link_fd), "--config-json", str(path))

    return argv


def web_caller_argv(config: Config, path: Path) -> ArgvFactory:
    """Return how to start a caller over WebRTC; its configuration is written to `path`."""
    path.touch(mode=0o600)
    path.write_text(config.model_dump_json())

    def argv(link_fd: int) -> Sequence[str]:
        worker = (sys.executable, "-m", "webrtc.caller")
        return (*worker, "--link-fd", str(link_fd), "--config-json", str(path))

    return argv
