"""Decides which keys of a changed configuration take effect at once, and which need a restart; pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from gateway.config import Config
from gateway.errors import ConfigError

LIVE = (
    "numbers",
    "agents",
    "greeting",
    "turns",
    "sip.allow",
    "dialling",
    "rooms.greeting",
    "rooms.greetings",
    "gateway.log_level",
    "gateway.log_format",
    "gateway.mask_pii",
    "gateway.max_call_s",
    "gateway.drain_s",
)
"""Keys, and sections with all their keys, that may change while calls go on. Calls that run keep the old.

The `networks` of trunks are such, too.
"""


@dataclass(frozen=True, slots=True)
class Changes:
    """How a new configuration differs from the running one; keys are dotted as in the file."""

    live: tuple[str, ...]
    restart: tuple[str, ...]
    config: Config
    """The running configuration with the live keys of the new one."""


def compare(running: Config, new: Config) -> Changes:
    """Return what may be taken over. Raises `ConfigError` if that part alone makes no sense.

    It happens when a key that needs a restart names something that a live key takes away.
    """
    before, after = running.model_dump(mode="json"), new.model_dump(mode="json")
    keys = sorted(_different(before, after, ""))
    merged = _merge(before, after)
    try:
        config = Config.model_validate(merged)
    except ValidationError as error:
        told = "; ".join(str(item["msg"]) for item in error.errors())
        raise ConfigError(f"a restart is needed for all of this: {told}") from error
    return Changes(
        live=tuple(key for key in keys if is_live(key)),
        restart=tuple(key for key in keys if not is_live(key)),
        config=config,
    )


def is_live(key: str) -> bool:
    """Whether a dotted key takes effect without a restart."""
    section, _, name = key.rpartition(".")
    if name == "networks" and section.startswith("trunks."):
        return True
    return any(key == live or key.startswith(f"{live}.") for live in LIVE)


def _different(before: Any, after: Any, prefix: str) -> Iterator[str]:
    """Yield the dotted names of what differs; a list differs as a whole."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in {*before, *after}:
            key = f"{prefix}.{name}" if prefix else str(name)
            if name in before and name in after:
                yield from _different(before[name], after[name], key)
            else:
                yield key
    elif before != after:
        yield prefix


def _merge(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(before)
    for live in LIVE:
        section, _, name = live.partition(".")
        if not name:
            merged[section] = after[section]
        else:
            merged[section] = {**merged[section], name: after[section][name]}
    merged["trunks"] = {
        name: {**trunk, "networks": after["trunks"].get(name, trunk)["networks"]}
        for name, trunk in before["trunks"].items()
    }
    return merged
