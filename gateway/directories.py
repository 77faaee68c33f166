"""Where things are kept outside the checkout, by the XDG base directories or as systemd says."""

import os
import sys
from pathlib import Path

from gateway.errors import ConfigError

_NAME = "offhook"


def state() -> Path:
    """systemd's StateDirectory if given, else the user's data directory."""
    if given := os.environ.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0])
    base = os.environ.get("XDG_DATA_HOME") or _home() / ".local" / "share"
    return Path(base) / _NAME


def cache() -> Path:
    """systemd's CacheDirectory if given, else that of everything built and fetched."""
    if given := os.environ.get("CACHE_DIRECTORY"):
        return Path(given.split(":")[0])
    return built()


def built() -> Path:
    """`OFFHOOK_CACHE`, or the user's cache directory: what the set-up builds and fetches, by whomever it runs."""
    if given := os.environ.get("OFFHOOK_CACHE"):
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or _home() / ".cache"
    return Path(base) / _NAME


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:
        raise ConfigError(
            "this user has no home directory; set HOME, or gateway.data_dir, gateway.cache_dir "
            "and the variable OFFHOOK_CACHE"
        ) from error


def models() -> Path:
    """Where fetched models are: beside the versions of an installed service, else in the cache."""
    versions = Path(sys.prefix).parent
    shared = versions.parent / "share" / "models"
    if not os.environ.get("OFFHOOK_CACHE") and versions.name == "versions" and shared.is_dir():
        return shared
    return built() / "models"
